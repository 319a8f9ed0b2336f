//! What takes a while in Container Service, and what a cluster's log says of it.

use std::fmt;

use jiff::Timestamp;
use reqwest::Method;
use serde::{Deserialize, Deserializer};

use super::Client;
use crate::Credentials;
use crate::api::{ApiError, Call, text_or_null};

const MAX_ID_BYTES: usize = 128;
/// A task with an event for each of its steps.
const MAX_TASK_BYTES: usize = 1024 * 1024;
/// A cluster's log has a line for each step of its whole life, and some lines are long.
const MAX_LOG_BYTES: usize = 8 * 1024 * 1024;

/// The id of a task: `T-5a54309c80282e39ea00`. At most 128 letters, digits, `-`, `_` and `.`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskId(String);

impl TaskId {
    /// The id's text; it can stand in messages as it is.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `None` where the text is no task's id.
    pub fn new(text: &str) -> Option<Self> {
        let good = (1..=MAX_ID_BYTES).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            && !text.bytes().all(|b| b == b'.');
        good.then(|| Self(text.to_owned()))
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?)
            .ok_or_else(|| serde::de::Error::custom("not a task's id"))
    }
}

/// How far a task is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TaskState {
    /// `running`.
    Running,
    /// `success`.
    Success,
    /// `failed`, as documented, or `fail`, as the public tool knows it.
    Failed,
    /// `timeout`.
    Timeout,
    /// `canceled`.
    Canceled,
    /// Another one, as Container Service says it: its words are not checked.
    Other(String),
}

impl TaskState {
    /// Container Service's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Running => "running",
            Self::Success => "success",
            Self::Failed => "failed",
            Self::Timeout => "timeout",
            Self::Canceled => "canceled",
            Self::Other(text) => text,
        }
    }
}

impl<'de> Deserialize<'de> for TaskState {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(match text.as_str() {
            "running" => Self::Running,
            "success" => Self::Success,
            "failed" | "fail" => Self::Failed,
            "timeout" => Self::Timeout,
            "canceled" => Self::Canceled,
            _ => Self::Other(text),
        })
    }
}

/// A task ("DescribeTaskInfo").
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Task {
    /// How far it is.
    pub state: TaskState,
    /// Why it failed, where Container Service says so.
    #[serde(default, deserialize_with = "error_with_words")]
    pub error: Option<TaskError>,
    /// The cluster that it is about; may be empty.
    #[serde(default, deserialize_with = "text_or_null")]
    pub cluster_id: String,
    /// `cluster_modify`, …; may be empty.
    #[serde(default, deserialize_with = "text_or_null")]
    pub task_type: String,
}

/// An error that says nothing is none.
fn error_with_words<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<TaskError>, D::Error> {
    let error = Option::<TaskError>::deserialize(deserializer)?;
    Ok(error.filter(|error| !error.code.is_empty() || !error.message.is_empty()))
}

/// Why a task failed, in Container Service's words: they are not checked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct TaskError {
    /// May be empty.
    #[serde(default, deserialize_with = "text_or_null")]
    pub code: String,
    /// May be empty.
    #[serde(default, deserialize_with = "text_or_null")]
    pub message: String,
}

/// A line of a cluster's log ("DescribeClusterLogs"), in words that are not checked.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct ClusterLog {
    /// Later lines have greater ones.
    #[serde(rename = "ID", default)]
    pub id: i64,
    /// The line.
    #[serde(default, deserialize_with = "text_or_null")]
    pub cluster_log: String,
    /// When it was written, `2020-11-10T16:02:04+08:00`; may be empty.
    #[serde(default, deserialize_with = "text_or_null")]
    pub created: String,
}

impl Client {
    /// How far a task is (`DescribeTaskInfo`).
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn task(
        &self,
        id: &TaskId,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Task, ApiError> {
        const ACTION: &str = "DescribeTaskInfo";
        let call = Call::roa(ACTION, Method::GET, &["tasks", id.as_str()])
            .reading()
            .answer_of_at_most(MAX_TASK_BYTES);
        self.api.asked(ACTION).read(self.api.call(&call, credentials, now).await?)
    }

    /// The log of a cluster (`DescribeClusterLogs`), in the order in which Container Service gives it.
    ///
    /// # Errors
    /// [`ApiError`].
    pub async fn cluster_logs(
        &self,
        id: &str,
        credentials: &Credentials,
        now: Timestamp,
    ) -> Result<Vec<ClusterLog>, ApiError> {
        const ACTION: &str = "DescribeClusterLogs";
        let call = Call::roa(ACTION, Method::GET, &["clusters", id, "logs"])
            .reading()
            .answer_of_at_most(MAX_LOG_BYTES);
        self.api.asked(ACTION).read_list(self.api.call(&call, credentials, now).await?)
    }
}
