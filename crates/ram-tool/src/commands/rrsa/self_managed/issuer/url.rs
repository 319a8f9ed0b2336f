//! An issuer's URL, which tokens, discovery document, RAM and trust policies must all have to the letter.

use std::fmt;

use reqwest::Url;

use super::{DISCOVERY_PATH, KEYS_PATH};
use crate::visible::is_pasteable;

/// RAM's limit (CreateOIDCProvider).
const MAX_BYTES: usize = 255;

/// An issuer's URL that RAM takes, in its one normal spelling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuerUrl(String);

impl IssuerUrl {
    /// # Errors
    /// What is wrong with it and what to write instead, as the rest of a sentence that begins with the URL.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let no = |detail: &str| Err(detail.to_owned());
        if !text.starts_with("https://") {
            return no("does not begin with https://, which RAM wants");
        }
        if text.len() > MAX_BYTES {
            return Err(format!("is longer than {MAX_BYTES} bytes, which RAM does not take"));
        }
        if let Some(mark) = text.chars().find(|c| matches!(c, '?' | '#' | '@')) {
            return Err(format!("holds {mark:?}, which RAM does not take"));
        }
        if !text.bytes().all(|b| b.is_ascii_graphic()) {
            return no("holds a blank or a character beyond ASCII");
        }
        if let Some(mark) = text.chars().find(|c| !is_pasteable(*c)) {
            return Err(format!(
                "holds {mark:?}, which a shell reads otherwise where it is pasted as a flag"
            ));
        }
        if text.ends_with('/') {
            return no(
                "ends with a slash: an issuer is compared to the letter, in tokens, at RAM and in trust policies, and half of those who write it leave the slash out; give it without",
            );
        }
        let url = Url::parse(text).map_err(|_| "is no URL".to_owned())?;
        if url.host_str().is_none_or(str::is_empty) {
            return no("names no host");
        }
        // Another spelling of the same address would be another issuer.
        let normal = url.as_str().strip_suffix('/').unwrap_or(url.as_str());
        match normal == text && !text.get(8..).unwrap_or_default().contains("//") {
            true => Ok(Self(text.to_owned())),
            false if normal == text => no("has two slashes in its path: leave one out"),
            false => Err(format!(
                "is another spelling of {normal}: give that, since issuers are compared to the letter"
            )),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Where its discovery document is read (OpenID Connect Discovery 1.0, section 4).
    pub(crate) fn discovery(&self) -> String {
        format!("{}{DISCOVERY_PATH}", self.0)
    }

    /// Where this program has its keys published.
    pub(crate) fn keys(&self) -> String {
        format!("{}{KEYS_PATH}", self.0)
    }

    /// The path of a URL below it.
    pub(crate) fn path(&self) -> String {
        let rest = self.0.get(8..).unwrap_or_default();
        rest.find('/').and_then(|start| rest.get(start..)).unwrap_or_default().to_owned()
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn issuers_that_ram_takes() {
        for (good, path) in [
            ("https://issuer.example", ""),
            ("https://issuer.example/c1", "/c1"),
            ("https://issuer.example:8443/a/b", "/a/b"),
            ("https://127.0.0.1:8443/c1", "/c1"),
            ("https://[::1]:8443", ""),
            ("https://bucket.oss-cn-hangzhou.aliyuncs.com/my_cluster-1.2", "/my_cluster-1.2"),
        ] {
            let url = IssuerUrl::parse(good).unwrap();
            assert_eq!((url.as_str(), url.path().as_str()), (good, path));
            assert_eq!(url.discovery(), format!("{good}/.well-known/openid-configuration"));
        }
        let longest = format!("https://issuer.example/{}", "x".repeat(232));
        assert!(IssuerUrl::parse(&longest).is_ok());
        assert!(IssuerUrl::parse(&format!("{longest}x")).unwrap_err().contains("255"));
    }

    #[test]
    fn issuers_that_would_never_match() {
        for (bad, words) in [
            ("http://issuer.example", "https"),
            ("HTTPS://issuer.example", "https"),
            ("issuer.example", "https"),
            ("", "https"),
            ("https://issuer.example/", "slash"),
            ("https://issuer.example/c1/", "slash"),
            ("https://issuer.example//c1", "two slashes"),
            ("https://issuer.example/?x", "'?'"),
            ("https://issuer.example/c1#x", "'#'"),
            ("https://user@issuer.example", "'@'"),
            ("https://issuer.example/a b", "blank"),
            ("https://issuer.example/\u{1b}[2J", "blank"),
            ("https://issuer.example/ü", "ASCII"),
            ("https://issuer.example/$(reboot)", "'$', which a shell"),
            ("https://issuer.example/a;reboot", "';', which a shell"),
            ("https://Issuer.example/c1", "spelling of https://issuer.example/c1"),
            ("https://issuer.example:443/c1", "spelling of https://issuer.example/c1"),
            ("https://issuer.example/a/../c1", "spelling of https://issuer.example/c1"),
            ("https://", "slash"),
            ("https://:80", "no URL"),
        ] {
            let problem = IssuerUrl::parse(bad).expect_err(bad);
            assert!(problem.contains(words), "{bad}: {problem}");
        }
    }
}
