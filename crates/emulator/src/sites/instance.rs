//! What the metadata service says of the instance itself.

use serde_json::json;

use crate::config::Metadata;

/// The instance, with a value for everything that the configuration leaves out.
pub(super) struct Instance {
    id: String,
    /// Path below `/latest/meta-data/` and value.
    items: Vec<(&'static str, String)>,
    user_data: Option<String>,
    identity_document: String,
}

impl Instance {
    pub(super) fn new(config: &Metadata, region: &str) -> Self {
        let given = &config.instance;
        let or = |value: &Option<String>, default: &str| value.clone().unwrap_or_else(|| default.to_owned());
        let id = or(&given.id, "i-emulator000000000001");
        let region = or(&given.region_id, region);
        let items = vec![
            ("hostname", or(&given.hostname, "emulated-instance")),
            ("image-id", or(&given.image_id, "aliyun_3_x64_20G_emulated.vhd")),
            ("instance-id", id.clone()),
            ("instance/instance-type", or(&given.instance_type, "ecs.g8i.large")),
            ("mac", or(&given.mac, "00:16:3e:00:00:01")),
            ("owner-account-id", config.account.clone()),
            ("private-ipv4", or(&given.private_ipv4, "192.168.0.1")),
            ("region-id", region.clone()),
            ("serial-number", or(&given.serial_number, "00000000-0000-4000-8000-000000000001")),
            ("vpc-id", or(&given.vpc_id, "vpc-emulator000000000001")),
            ("vswitch-id", or(&given.vswitch_id, "vsw-emulator000000000001")),
            ("zone-id", or(&given.zone_id, &format!("{region}-a"))),
        ];
        let identity_document = identity_document(&items);
        Self { id, items, user_data: given.user_data.clone(), identity_document }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// The text at `path`; `None` where nothing is. Folders answer with what is in them.
    pub(super) fn page(&self, path: &str) -> Option<String> {
        let path = path.strip_prefix("/latest")?.trim_matches('/');
        match path {
            "" => Some("dynamic/\nmeta-data/\nuser-data".to_owned()),
            "user-data" => self.user_data.clone(),
            "dynamic" => Some("instance-identity/".to_owned()),
            "dynamic/instance-identity" => Some("document".to_owned()),
            "dynamic/instance-identity/document" => Some(self.identity_document.clone()),
            "meta-data" => Some(self.folder("")),
            "meta-data/instance" => Some(self.folder("instance/")),
            "meta-data/ram" => Some("security-credentials/".to_owned()),
            _ => {
                let item = path.strip_prefix("meta-data/")?;
                self.items.iter().find(|(name, _)| *name == item).map(|(_, value)| value.clone())
            }
        }
    }

    fn folder(&self, prefix: &str) -> String {
        let mut names: Vec<String> = self
            .items
            .iter()
            .filter_map(|(name, _)| name.strip_prefix(prefix))
            .map(|name| name.split_once('/').map_or(name.to_owned(), |(folder, _)| format!("{folder}/")))
            .collect();
        if prefix.is_empty() {
            names.push("ram/".to_owned());
        }
        names.sort();
        names.dedup();
        names.join("\n")
    }
}

/// The identity document ("Instance identities" of the ECS documentation), unsigned.
fn identity_document(items: &[(&'static str, String)]) -> String {
    let value = |name: &str| {
        items.iter().find(|(item, _)| *item == name).map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    json!({
        "zone-id": value("zone-id"),
        "serial-number": value("serial-number"),
        "instance-id": value("instance-id"),
        "region-id": value("region-id"),
        "private-ipv4": value("private-ipv4"),
        "owner-account-id": value("owner-account-id"),
        "mac": value("mac"),
        "image-id": value("image-id"),
        "instance-type": value("instance/instance-type"),
    })
    .to_string()
}
