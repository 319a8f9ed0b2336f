//! `ack-ram-authenticator`: a TokenReview webhook that turns a signed request to Alibaba Cloud's STS into a Kubernetes
//! user.
//!
//! A review goes one way: bytes, [`review`], [`authenticate`] (the `token` crate checks the token, STS says who signed
//! it, [`mappings`] says who that is in the cluster), and bytes again. [`server`] puts the parts together; [`cli`] is
//! the border to the command line.

pub mod add;
pub mod args;
pub mod authenticate;
mod certificate;
pub mod cli;
pub mod clock;
mod cluster;
pub mod config;
pub mod doctor;
pub mod explain;
pub mod gate;
pub mod health;
pub mod init;
pub mod kubeconfig;
pub mod lint;
pub mod mappings;
mod message;
pub mod metrics;
pub mod operator;
pub mod readiness;
pub mod review;
pub mod routes;
pub mod server;
pub mod serving;
pub mod strict;
pub mod verify;
pub mod version;
