//! What the end-to-end tests stand on: a real control plane, the programs under test and an
//! emulated Alibaba Cloud, all on loopback and without root.
//!
//! A [`rig::Rig`] is started once for all scenarios. Each `main` that uses it calls
//! [`guard::run_if_asked`] first.

pub mod admission;
pub mod authenticator;
pub mod burst;
pub mod canary;
pub mod cert_manager;
pub mod cloud;
pub mod console;
pub mod control_plane;
pub mod controller_manager;
pub mod corpus;
pub mod egress;
pub mod error;
pub mod guard;
pub mod http;
pub mod kubectl;
pub mod log;
pub mod manifests;
pub mod mapping;
pub mod namespace;
pub mod node;
pub mod person;
pub mod pod_identity;
pub mod pod_stream;
pub mod ports;
pub mod process;
pub mod replica;
pub mod rig;
pub mod rrsa_off;
pub mod run_dir;
pub mod sdk;
pub mod site;

mod ack;
mod applied;
mod cache;
mod go;
mod kept;
mod pki;
pub mod programs;

pub use error::{Error, Result};
