//! What `docs/pod-identity.md` has a reader type does what the page says.

use std::path::{Path, PathBuf};

use e2e::pod_identity::NAME;
use e2e::process::{isolated, run, search_path};
use libtest_mimic::Failed;

use super::*;

fn page() -> Result<String, Failed> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/pod-identity.md");
    Ok(std::fs::read_to_string(path)?)
}

/// The page's block of YAML that begins with the name of its file.
fn file(name: &str) -> Result<String, Failed> {
    let page = page()?;
    let mut blocks = page.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next());
    let block = blocks.find(|block| block.starts_with(&format!("# {name}\n")));
    Ok(block.ok_or_else(|| format!("the page has no {name}"))?.to_owned())
}

/// The page's block that begins with these words, and the one after it.
fn commands(beginning: &str) -> Result<(String, String), Failed> {
    let page = page()?;
    let plain: String =
        page.lines().map(|line| format!("{}\n", line.strip_prefix("   ").unwrap_or(line))).collect();
    let (_, rest) =
        plain.split_once(&format!("```\n{beginning}")).ok_or_else(|| format!("no {beginning}"))?;
    let (first, rest) = rest.split_once("```\n").ok_or("an open block")?;
    let next = rest.split_once("```\n").map_or("", |(_, rest)| rest).split("```").next().unwrap_or_default();
    Ok((format!("{beginning}{first}"), next.to_owned()))
}

fn type_in(rig: &Rig, folder: &Path, script: &str) -> Result<String, Failed> {
    let programs = rig.plane().kubectl().parent().ok_or("kubectl is nowhere")?;
    let mut shell = isolated(Path::new("bash"));
    shell.args(["-euo", "pipefail", "-c", script]).current_dir(folder);
    shell.envs(rig.admin().environment()).env("PATH", search_path(&[programs, rig.bin()]));
    Ok(run(shell, SOON)?.success()?)
}

fn folder(rig: &Rig, name: &str) -> Result<PathBuf, Failed> {
    Ok(rig.run().folder(&format!("documented-{name}"))?)
}

pub(super) fn the_readers_own_folder_is_one_that_kubectl_takes(rig: &Rig) -> Outcome {
    let parent = folder(rig, "own")?;
    // Beside a checkout of this name, as the page has it.
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
    for overlay in super::manifests::OVERLAYS {
        let own = folder(rig, &format!("own/{overlay}"))?;
        let checkout = parent.join("ack-ram-identity");
        if !checkout.exists() {
            copy_manifests(&root.join("manifests/pod-identity"), &checkout.join("manifests/pod-identity"))?;
        }
        let config = file("config.yaml")?;
        std::fs::write(own.join("config.yaml"), &config)?;
        std::fs::write(
            own.join("kustomization.yaml"),
            file("kustomization.yaml")?.replace("/own-certificates", &format!("/{overlay}")),
        )?;
        let printed = type_in(rig, &own, "kubectl kustomize .")?;
        assert!(printed.contains("image: REGISTRY/ack-pod-identity-webhook:VERSION"), "{overlay}: {printed}");
        let indented: String = config.lines().map(|line| format!("    {line}\n")).collect();
        assert!(printed.contains(&indented), "{overlay}: {printed}");
        assert!(!printed.contains("change me"), "{overlay}: {printed}");
    }
    Ok(())
}

/// kustomize follows no link out of its root.
fn copy_manifests(from: &Path, to: &Path) -> Outcome {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_manifests(&entry.path(), &there)?;
        } else {
            std::fs::copy(entry.path(), &there)?;
        }
    }
    Ok(())
}

pub(super) fn the_demo_of_the_page_shows_what_the_page_shows(rig: &Rig) -> Outcome {
    rig.pod_identity()?;
    let folder = folder(rig, "demo")?;
    std::fs::write(folder.join("demo.yaml"), file("demo.yaml")?)?;
    let _pod = rig.removed_later("pod/demo --namespace=rrsa-demo");
    let _account = rig.removed_later("serviceaccount/demo-sa --namespace=rrsa-demo");
    type_in(rig, &folder, "kubectl apply -f demo.yaml")?;
    let (command, shown) = commands("kubectl -n rrsa-demo get pod demo -o jsonpath")?;
    assert_eq!(type_in(rig, &folder, &command)?, shown);
    // The same from the cluster, before the next pod.
    std::fs::write(folder.join("config.yaml"), file("config.yaml")?)?;
    let explain = format!("{NAME} explain -c config.yaml -f demo.yaml");
    assert!(page()?.contains(&format!("```\n{explain}\n```")));
    let told = type_in(rig, &folder, &format!("{explain} --kubeconfig \"$KUBECONFIG\""))?;
    assert!(told.contains("called    pods.pod-identity.alibabacloud.com; failurePolicy Ignore"), "{told}");
    Ok(())
}

pub(super) fn the_command_that_looks_for_events_is_one_that_kubectl_takes(rig: &Rig) -> Outcome {
    let (events, _) = commands("kubectl get events.v1.events.k8s.io")?;
    type_in(rig, rig.run().scratch(), &events)?;
    Ok(())
}
