//! `metadata`: the instance whose metadata service the emulator plays.

use std::net::Ipv4Addr;

use serde::Deserialize;
use serde_saphyr::Spanned;

use super::look_up::{account, role};
use crate::entities::Account;
use crate::names;
use crate::problem::Problem;

/// Characters.
const MAX_VALUE: usize = 256;
/// Bytes before encoding ("Customize the initialization configuration" of the ECS documentation: 32 KB).
const MAX_USER_DATA: usize = 32 * 1024;

/// The checked section.
#[derive(Clone, Debug)]
pub(crate) struct Metadata {
    /// The account that the instance belongs to.
    pub(crate) account: String,
    /// The instance's role; `None` when it has none.
    pub(crate) role: Option<String>,
    pub(crate) tokens: MetadataTokens,
    pub(crate) instance: Instance,
}

/// Whether requests need the token of the security hardening mode.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub(crate) enum MetadataTokens {
    #[default]
    Optional,
    Required,
    /// The service knows no tokens.
    Unsupported,
}

/// What is told of the instance; the service has a value of its own for what is left out.
#[derive(Clone, Debug, Default)]
pub(crate) struct Instance {
    pub(crate) id: Option<String>,
    pub(crate) region_id: Option<String>,
    pub(crate) zone_id: Option<String>,
    pub(crate) hostname: Option<String>,
    pub(crate) mac: Option<String>,
    pub(crate) vpc_id: Option<String>,
    pub(crate) vswitch_id: Option<String>,
    pub(crate) private_ipv4: Option<String>,
    pub(crate) instance_type: Option<String>,
    pub(crate) image_id: Option<String>,
    pub(crate) serial_number: Option<String>,
    pub(crate) user_data: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(super) struct MetadataEntry {
    account: Spanned<String>,
    role: Option<Spanned<String>>,
    #[serde(default)]
    tokens: MetadataTokens,
    #[serde(default)]
    instance: InstanceEntry,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
struct InstanceEntry {
    id: Option<Spanned<String>>,
    region_id: Option<Spanned<String>>,
    zone_id: Option<Spanned<String>>,
    hostname: Option<Spanned<String>>,
    mac: Option<Spanned<String>>,
    vpc_id: Option<Spanned<String>>,
    vswitch_id: Option<Spanned<String>>,
    private_ipv4: Option<Spanned<String>>,
    instance_type: Option<Spanned<String>>,
    image_id: Option<Spanned<String>>,
    serial_number: Option<Spanned<String>>,
    user_data: Option<Spanned<String>>,
}

pub(super) fn check(entry: MetadataEntry, accounts: &[Account]) -> Result<Metadata, Problem> {
    let owner = account(accounts, &entry.account, "metadata")?;
    Ok(Metadata {
        role: entry.role.as_ref().map(|name| role(owner, name, "metadata")).transpose()?,
        account: owner.id.clone(),
        tokens: entry.tokens,
        instance: instance(entry.instance)?,
    })
}

fn instance(entry: InstanceEntry) -> Result<Instance, Problem> {
    if let Some(id) = &entry.id {
        check_id(id)?;
    }
    if let Some(address) = &entry.private_ipv4
        && address.value.parse::<Ipv4Addr>().is_err()
    {
        let text = format!("metadata: privateIpv4 {:?} is not an IPv4 address", address.value);
        return Err(Problem::at(address, text));
    }
    if let Some(data) = &entry.user_data
        && data.value.len() > MAX_USER_DATA
    {
        return Err(Problem::at(data, format!("metadata: userData is larger than {MAX_USER_DATA} bytes")));
    }
    Ok(Instance {
        region_id: line(entry.region_id, "regionId")?,
        zone_id: line(entry.zone_id, "zoneId")?,
        hostname: line(entry.hostname, "hostname")?,
        mac: line(entry.mac, "mac")?,
        vpc_id: line(entry.vpc_id, "vpcId")?,
        vswitch_id: line(entry.vswitch_id, "vswitchId")?,
        private_ipv4: line(entry.private_ipv4, "privateIpv4")?,
        instance_type: line(entry.instance_type, "instanceType")?,
        image_id: line(entry.image_id, "imageId")?,
        serial_number: line(entry.serial_number, "serialNumber")?,
        user_data: entry.user_data.map(|data| data.value),
        id: entry.id.map(|id| id.value),
    })
}

/// The id becomes a part of a session name.
fn check_id(id: &Spanned<String>) -> Result<(), Problem> {
    let is_id = id.value.starts_with("i-") && id.value.len() <= 40 && names::is_session_name(&id.value);
    if is_id {
        return Ok(());
    }
    let text = format!(
        "metadata: instance id {:?} is not \"i-\" and up to 38 letters, digits, '.', '-', '_' and '@'",
        id.value
    );
    Err(Problem::at(id, text))
}

/// A value that is answered as one line.
fn line(value: Option<Spanned<String>>, key: &str) -> Result<Option<String>, Problem> {
    let Some(value) = value else { return Ok(None) };
    let text = &value.value;
    let is_line = (1..=MAX_VALUE).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if !is_line {
        let problem = format!("metadata: {key} is not one line of 1 to {MAX_VALUE} characters");
        return Err(Problem::at(&value, problem));
    }
    Ok(Some(value.value))
}
