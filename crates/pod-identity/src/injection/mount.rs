//! The volume with the token, and the place where a container finds it.

use super::pod::{Container, Pod, TokenProjection, VolumeMount};
use super::{Reason, Settings};

/// Name of the volume.
pub(super) const VOLUME: &str = "rrsa-oidc-token";

/// Name of the file in it.
pub(super) const FILE: &str = "token";

/// The volume as the pod has it.
pub(super) enum Volume {
    Missing,
    /// It is there, with this lifetime of its own.
    Present(Option<i64>),
}

/// Looks for the volume. One of the user's own that holds the token is as good, with whatever else is in it.
///
/// # Errors
/// Another volume has the name.
pub(super) fn find_volume(settings: &Settings, pod: &Pod<'_>) -> Result<Volume, Reason> {
    let is_ours =
        |token: &&TokenProjection<'_>| *token.audience == *settings.audience && &*token.path == FILE;
    let mut found = Volume::Missing;
    for volume in pod.volumes().unwrap_or_default().iter().filter(|volume| &*volume.name == VOLUME) {
        let token = volume.tokens().find(is_ours).ok_or(Reason::VolumeNameTaken)?;
        found = Volume::Present(token.expiration_seconds);
    }
    Ok(found)
}

/// What a container has where the token is to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Nothing.
    Free,
    /// The volume.
    Mounted,
    /// Something else, or something beneath: the mount would hide it, or could not be made.
    Taken,
}

/// Looks at one container. A mount further up is no obstacle: a container's own service account token is mounted in the
/// same way below whatever is at `/var/run`.
pub(super) fn find_place(settings: &Settings, container: &Container<'_>) -> Place {
    let wanted = parts(&settings.mount_path);
    let mounts = || container.volume_mounts.iter().flatten();
    if mounts().any(|mount| is_token(mount) && parts(&mount.mount_path) == wanted) {
        return Place::Mounted;
    }
    let mounted = mounts().map(|mount| &*mount.mount_path);
    let devices = container.volume_devices.iter().map(|device| &*device.device_path);
    if mounted.chain(devices).any(|path| parts(path).starts_with(&wanted)) {
        Place::Taken
    } else {
        Place::Free
    }
}

/// With a `subPath` it is but a part of the volume that is mounted, and one that the kubelet does not keep current.
fn is_token(mount: &VolumeMount<'_>) -> bool {
    &*mount.name == VOLUME && mount.sub_path.is_empty() && mount.sub_path_expr.is_empty()
}

/// The parts of a path as a container's runtime understands it: a relative one counts from `/`, and slashes too many,
/// `.` and `..` are resolved. (In a Windows container the same path is taken to be on drive C:.)
fn parts(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts
}
