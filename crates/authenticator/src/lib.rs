//! `ack-ram-authenticator`: a TokenReview webhook that turns a signed request to Alibaba Cloud's STS into a Kubernetes
//! user.
//!
//! A review goes one way: bytes, [`review`], [`authenticate`] (the `token` crate checks the token, STS says who signed
//! it, [`mappings`] says who that is in the cluster), and bytes again. [`server`] puts the parts together; [`cli`] is
//! the border to the command line.

pub mod args;
mod certificate;
pub mod cli;
pub mod commands;
pub mod config;
pub mod connection;
pub mod custom_resource;
mod flags;
pub mod gate;
pub mod hostname;
pub mod kubeconfig;
pub mod mappings;
pub mod metrics;
pub mod operator;
pub mod server;
pub mod version;
