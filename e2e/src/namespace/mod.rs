//! A network namespace in which Alibaba Cloud's own host names are the rig's emulator, for programs that build these
//! names themselves and take no proxy: the credentials SDKs. No root is needed.
//!
//! [`RunningPod`] is what scenarios want: a pod that the API server has, injected by the webhook, of which a container's
//! command runs here with that container's environment and its token file in its place.
//!
//! ```no_run
//! # fn example(rig: &e2e::rig::Rig, pod: &serde_json::Value) -> e2e::Result<()> {
//! use e2e::namespace::{Image, RunningPod};
//! let pod = RunningPod::start(rig, pod)?;           // kubectl create, read back, tokens asked for, namespace made
//! // What the image would have: an entry point where the container has no command, and who is trusted.
//! let image = Image::new().variable("SSL_CERT_FILE", rig.cloud().ca_file());
//! let output = pod.run("app", &image)?;             // container `app`, to its end
//! let service = pod.launch("app", &image)?;         // the same, running on; its log: service.log()
//! let token = pod.replace_token(7200)?;             // as a kubelet does it, of another lifetime
//! # Ok(())
//! # }
//! ```
//!
//! How it is made: `unshare` gives a user, network and mount namespace; in it loopback is up, `/etc/hosts` is a file of
//! its own (bind mount), `/run` is empty (tmpfs; a resolver's socket would lead outside), and volumes are bound to where
//! containers have them. The program `namespace-bridge` listens on 127.0.0.1:443 inside and hands each connection to a
//! unix socket, from which it goes to the emulator's address. Others come in by `nsenter`, with the bridge's process id.
//! There is no other way out.

mod lead;
mod pod;
mod volume;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::process::{self, Service, isolated};
use crate::rig::Rig;
use crate::run_dir::RunDir;

use lead::Lead;
pub use pod::{Image, RunningPod};

/// Names that lead to the emulator, on port 443.
const NAMES: [&str; 11] = [
    "sts.aliyuncs.com",
    "sts.cn-hangzhou.aliyuncs.com",
    "sts-vpc.cn-hangzhou.aliyuncs.com",
    "ram.aliyuncs.com",
    "ram.vpc-proxy.aliyuncs.com",
    "ims.aliyuncs.com",
    "cs.aliyuncs.com",
    "cs.cn-hangzhou.aliyuncs.com",
    "cs-anony-vpc.cn-hangzhou.aliyuncs.com",
    "oauth.aliyun.com",
    "oauth.alibabacloud.com",
];
/// Makes the namespace what it should be, then becomes the program that is named at the end. Arguments: a hosts file,
/// pairs of a folder and where it belongs, `--`, a program and its arguments.
const PREPARE: &str = "PATH=$PATH:/usr/sbin:/sbin; set -e; ip link set lo up; mount --bind \"$1\" /etc/hosts; shift; \
     mount -t tmpfs tmpfs /run; [ /var/run -ef /run ] || mount -t tmpfs tmpfs /var/run; \
     while [ \"$1\" != -- ]; do mkdir -p \"$2\"; mount --bind \"$1\" \"$2\"; shift 2; done; shift; exec \"$@\"";
const READY: Duration = Duration::from_secs(30);

/// A folder, and the path at which programs of the namespace find it.
#[derive(Debug, Clone)]
pub struct Mount {
    /// Outside.
    pub from: PathBuf,
    /// Inside, below `/run` or `/var/run`: elsewhere the folder would have to be there already.
    pub to: PathBuf,
}

/// A network namespace; everything in it ends when this value is dropped.
#[derive(Debug)]
pub struct Namespace {
    _bridge: Service,
    process: String,
    nsenter: PathBuf,
    home: PathBuf,
    _lead: Lead,
}

impl Namespace {
    /// Makes one whose names lead to the rig's emulator, with an empty home.
    ///
    /// # Errors
    /// `unshare`, `ip` or `nsenter` is missing, or namespaces are not allowed: the message says what to install or to
    /// allow.
    pub fn open(rig: &Rig, mounts: &[Mount]) -> Result<Self> {
        let run = rig.run();
        let folder = folder(run)?;
        let bridge = rig.bin().join("namespace-bridge");
        if !bridge.is_file() {
            crate::programs::install("namespace-bridge", rig.bin())?;
        }
        let lead = Lead::start(folder.join("out.sock"), rig.cloud().emulator().address())?;
        let hosts = folder.join("hosts");
        let text = format!("127.0.0.1 localhost {}\n", NAMES.join(" "));
        std::fs::write(&hosts, text).map_err(Error::file("write", &hosts))?;
        let home = folder.join("home");
        std::fs::create_dir(&home).map_err(Error::file("make", &home))?;
        let mut command = isolated(&needed("unshare", "util-linux")?);
        command.args(["--map-root-user", "--net", "--mount", "sh", "-c", PREPARE, "sh"]).arg(&hosts);
        for mount in mounts {
            if !["/run", "/var/run"].iter().any(|folder| mount.to.starts_with(folder)) {
                return Err(Error::Answer {
                    what: format!("mounting {} in a network namespace", mount.to.display()),
                    reason: "only paths below /run and /var/run can be made there".to_owned(),
                });
            }
            command.arg(&mount.from).arg(&mount.to);
        }
        command.arg("--").arg(&bridge).arg("127.0.0.1:443").arg(lead.socket());
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let log = run.logs().join(format!("namespace-{name}.log"));
        let mut bridge = Service::start("unshare", command, &log)?;
        let text = bridge.log().clone();
        let ready = || text.all().lines().any(|line| line.starts_with("ready "));
        bridge.wait_until("a network namespace", READY, ready).map_err(|error| not_allowed(&error))?;
        let all = text.all();
        let process = all.lines().find_map(|line| line.strip_prefix("ready ")).unwrap_or_default().to_owned();
        let nsenter = needed("nsenter", "util-linux")?;
        Ok(Self { _bridge: bridge, process, nsenter, home, _lead: lead })
    }

    /// A command in it, with nothing in its environment but `PATH` and an empty `HOME`, for
    /// [`process::run`] or [`Service::start`].
    #[must_use]
    pub fn command(&self, program: &Path) -> Command {
        let mut command = isolated(&self.nsenter);
        command.args(["--preserve-credentials", "--user", "--net", "--mount", "--target", &self.process]);
        command.arg("--").arg(program).env("HOME", &self.home);
        command
    }

    /// The home of its programs.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }
}

/// A new folder for the files of one namespace. Paths of sockets are short: about a hundred bytes.
fn folder(run: &RunDir) -> Result<PathBuf> {
    let made = tempfile::Builder::new().prefix("ns-").tempdir_in(run.scratch());
    Ok(made.map_err(Error::file("make a folder in", run.scratch()))?.keep())
}

fn needed(program: &str, package: &str) -> Result<PathBuf> {
    process::in_path(program).ok_or_else(|| Error::Answer {
        what: "making a network namespace".to_owned(),
        reason: format!("{program} is missing: install {package}"),
    })
}

fn not_allowed(error: &Error) -> Error {
    Error::Answer {
        what: "making a network namespace with host names of its own".to_owned(),
        reason: format!(
            "{error}; install iproute2 (ip), and allow user namespaces (sysctl kernel.unprivileged_userns_clone=1 and \
             kernel.apparmor_restrict_unprivileged_userns=0; in a container a seccomp profile that permits unshare)"
        ),
    }
}
