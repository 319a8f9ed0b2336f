//! Who a caller is, and which Kubernetes user that makes him: pure values, no input or output.
//!
//! - [`arn`]: `acs:ram::<account>:...` parsed strictly.
//! - [`principal`]: the answer of STS `GetCallerIdentity`, checked until its fields agree.
//! - [`template`]: `{{AccountID}}`, `{{SessionName}}` and others in user and group names.
//! - [`pattern`]: the anchored glob of a mapping's ARN.
//! - [`mapping`]: rules, and the index that picks the one that wins.
//!
//! ARNs follow the public documentation of RAM, "Terms" and "Policy elements" (format
//! `acs:<service>:<region>:<account id>:<resource>`); answers follow the STS API reference,
//! `GetCallerIdentity`, version 2015-04-01.

pub mod arn;
pub mod mapping;
pub mod pattern;
pub mod principal;
pub mod template;

mod glob;
mod quote;

pub use arn::{Arn, ArnError, Resource};
pub use mapping::{
    Found, IdentityCheck, Index, KubernetesUser, Layer, Match, Rule, RuleArn, RuleArnError, Rules, Source,
    Step, Why,
};
pub use principal::{CallerIdentity, Principal, PrincipalError, PrincipalKind};
pub use template::{Template, TemplateError};
