//! `ack-pod-identity-webhook`: a mutating admission webhook that gives a pod the RAM role of its service account.
//!
//! A review goes one way: bytes, [`server`] (which pod, of which namespace), [`lookup`] (what namespace and service
//! account say), [`injection`] (what the pod gets, or why nothing: a pure function), and bytes again. [`cli`] is the border
//! to the command line.

pub mod args;
pub mod certificates;
pub mod cli;
pub mod commands;
pub mod config;
pub mod events;
pub mod injection;
pub mod lookup;
pub mod metrics;
mod names;
pub mod server;
mod text;
pub mod version;
