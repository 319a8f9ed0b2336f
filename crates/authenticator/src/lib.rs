//! `ack-ram-authenticator`: a TokenReview webhook that turns a signed request to Alibaba Cloud's STS into a Kubernetes
//! user.
//!
//! A review goes one way: bytes, [`review`], [`authenticate`] (the `token` crate checks the token, STS says who signed
//! it, [`mappings`] says who that is in the cluster), and bytes again. [`server`] puts the parts together; [`cli`] is
//! the border to the command line.

pub mod args;
pub mod authenticate;
mod certificate;
pub mod cli;
pub mod clock;
pub mod config;
pub mod init;
pub mod kubeconfig;
pub mod mappings;
mod message;
pub mod metrics;
pub mod readiness;
pub mod review;
pub mod routes;
pub mod server;
pub mod strict;
pub mod version;
