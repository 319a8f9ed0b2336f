//! The `RAMIdentityMapping` resource: its type, its CustomResourceDefinition, and its translation into a
//! mapping rule.

mod crd;
mod mapping;
mod rule;

pub use crd::{CRD_NAME, crd, crd_yaml};
pub use mapping::{MappingCondition, RAMIdentityMapping, RAMIdentityMappingSpec, RAMIdentityMappingStatus};
pub use rule::{MappingError, rule_from_object};
