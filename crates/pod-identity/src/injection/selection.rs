//! Which containers of a pod are to be injected.

use std::collections::BTreeSet;

use super::Pod;
use super::pod::{Placed, Text};
use super::warnings::{Quoted, Warnings};

/// The containers that the pod's annotations leave: init containers and native sidecars too.
///
/// `only-containers` without any name in it is as good as none: nobody writes a list to say that nothing is wanted, but
/// templates write empty ones. A name on both lists is skipped, as documented.
pub(super) fn of_containers<'p, 'a>(pod: &'p Pod<'a>, warnings: &mut Warnings) -> Vec<Placed<'p, 'a>> {
    let annotations = pod.annotations();
    let only = names(annotations.only_containers.as_ref());
    let skip = names(annotations.skip_containers.as_ref());
    if only.is_empty() && skip.is_empty() {
        return pod.containers().collect();
    }
    // Sets, as both the lists and the containers are as many as fit into a request.
    let known: BTreeSet<&str> = pod.containers().map(|placed| &*placed.container.name).collect();
    for (list, names) in [("only-containers", &only), ("skip-containers", &skip)] {
        for name in names.difference(&known) {
            warnings.push(format_args!(
                "annotation pod-identity.alibabacloud.com/{list} names {}, and the pod has no container of that name",
                Quoted(name),
            ));
        }
    }
    let is_selected = |name: &str| (only.is_empty() || only.contains(name)) && !skip.contains(name);
    pod.containers().filter(|placed| is_selected(&placed.container.name)).collect()
}

/// Names between commas, without the blanks around them.
fn names<'p>(list: Option<&'p Text<'_>>) -> BTreeSet<&'p str> {
    list.map_or("", |list| list).split(',').map(str::trim).filter(|name| !name.is_empty()).collect()
}
