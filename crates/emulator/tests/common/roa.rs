//! Requests to Container Service, signed by hand in both styles.

// Each test program uses a part of this.
#![allow(dead_code)]

use std::sync::atomic::{AtomicU64, Ordering};

use emulator::Emulator;
use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;
use signature::{Secret, acs3, encoding, format_timestamp, roa};

use crate::common::{Keys, now, pairs};

/// The cluster of the example configuration.
pub(crate) const EXAMPLE_CLUSTER: &str = "c5b5e80b0b64a4bf6939d2d8fbbc50123";

/// What is asked, before it is signed. Headers other than `host` are sent as they stand here.
#[derive(Clone)]
pub(crate) struct Ask {
    pub(crate) method: String,
    /// Path and query, escaped.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str, action: &str) -> Self {
        let headers = pairs(&[
            ("accept", "application/json"),
            ("x-acs-action", action),
            ("x-acs-version", "2015-12-15"),
        ]);
        Self { method: method.to_owned(), target: target.to_owned(), headers, body: String::new() }
    }

    pub(crate) fn body(mut self, body: &Value) -> Self {
        self.body = body.to_string();
        self.set("content-type", "application/json; charset=utf-8");
        self
    }

    pub(crate) fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    pub(crate) fn remove(&mut self, name: &str) {
        self.headers.retain(|(other, _)| other != name);
    }

    fn path_and_query(&self) -> (&str, Vec<(String, String)>) {
        let (path, query) = self.target.split_once('?').unwrap_or((&self.target, ""));
        (path, encoding::parse_query(query).unwrap())
    }

    /// The headers of a ROA signature, which [`Ask::sign_roa`] then makes.
    pub(crate) fn prepare_roa(mut self, keys: &Keys, at: Timestamp) -> Self {
        static NONCE: AtomicU64 = AtomicU64::new(0);
        let nonce = format!("{:032x}", NONCE.fetch_add(1, Ordering::Relaxed));
        for (name, value) in [
            ("date", roa::format_date(at).as_str()),
            ("x-acs-signature-method", "HMAC-SHA1"),
            ("x-acs-signature-version", "1.0"),
            ("x-acs-signature-nonce", &nonce),
        ] {
            self.set(name, value);
        }
        if let Some(token) = &keys.token {
            self.set("x-acs-accesskey-id", &keys.id);
            self.set("x-acs-security-token", token);
        }
        self
    }

    pub(crate) fn sign_roa(mut self, keys: &Keys) -> Self {
        let (path, query) = self.path_and_query();
        let request = roa::Request { method: &self.method, path, query: &query, headers: &self.headers };
        let authorization = roa::authorize(&request, &keys.id, &Secret::new(keys.secret.clone())).unwrap();
        self.set("authorization", &authorization.to_string());
        self
    }

    pub(crate) fn roa(self, keys: &Keys) -> Self {
        self.prepare_roa(keys, now()).sign_roa(keys)
    }

    pub(crate) fn acs3(mut self, keys: &Keys, host: &str) -> Self {
        let content_sha256 = acs3::sha256_hex(self.body.as_bytes());
        self.set("host", host);
        self.set("x-acs-date", &format_timestamp(now()));
        self.set("x-acs-content-sha256", &content_sha256);
        if let Some(token) = &keys.token {
            self.set("x-acs-security-token", token);
        }
        let (path, query) = self.path_and_query();
        let request = acs3::Request {
            method: &self.method,
            path,
            query: &query,
            headers: &self.headers,
            content_sha256: &content_sha256,
        };
        let authorization = acs3::authorize(&request, &keys.id, &Secret::new(keys.secret.clone())).unwrap();
        self.set("authorization", &authorization.to_string());
        self
    }

    pub(crate) fn build(&self, client: &Client, emulator: &Emulator) -> RequestBuilder {
        let method: Method = self.method.parse().unwrap();
        let url = format!("{}{}", emulator.endpoint(), self.target);
        let mut builder = client.request(method, url).body(self.body.clone());
        for (name, value) in self.headers.iter().filter(|(name, _)| name != "host") {
            builder = builder.header(name, value);
        }
        builder
    }

    /// Status and body of the answer.
    pub(crate) async fn send(&self, client: &Client, emulator: &Emulator) -> (u16, Value) {
        let response = self.build(client, emulator).send().await.unwrap();
        let status = response.status().as_u16();
        let id = response.headers()["x-acs-request-id"].to_str().unwrap().to_owned();
        assert_eq!(response.headers()["content-type"], "application/json;charset=utf-8");
        let text = response.text().await.unwrap();
        let body: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        if status != 200 {
            assert_eq!((&body["requestId"], &body["status"]), (&id.into(), &status.into()), "{body}");
        }
        (status, body)
    }
}
