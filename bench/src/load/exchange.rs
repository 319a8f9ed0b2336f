//! Requests, each with what has to come back, and where they come from.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, USER_AGENT};
use http::uri::PathAndQuery;

use crate::answer::Expected;
use crate::error::{Error, Result};

/// One POST and what has to come back.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// Path and query.
    pub path: PathAndQuery,
    /// Headers, the body's length among them.
    pub headers: Arc<HeaderMap>,
    /// The body.
    pub body: Bytes,
    /// What the answer has to say.
    pub expected: Arc<Expected>,
}

impl Exchange {
    /// A POST of JSON, with the headers that the API server sends to webhooks.
    ///
    /// # Errors
    /// `path` is none.
    pub fn json(path: &str, body: impl Into<Bytes>, expected: Expected) -> Result<Exchange> {
        let body = body.into();
        let headers = HeaderMap::from_iter([
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (ACCEPT, HeaderValue::from_static("application/json, */*")),
            (USER_AGENT, HeaderValue::from_static("bench")),
            (CONTENT_LENGTH, HeaderValue::from(body.len())),
        ]);
        Ok(Exchange { path: path_of(path)?, headers: Arc::new(headers), body, expected: Arc::new(expected) })
    }

    /// A POST with these headers and no body.
    ///
    /// # Errors
    /// `path` is none, or a header cannot be sent.
    pub fn empty(path: &str, headers: &[(String, String)], expected: Expected) -> Result<Exchange> {
        let mut map = HeaderMap::from_iter([(CONTENT_LENGTH, HeaderValue::from(0))]);
        for (name, value) in headers {
            let wrong = |_| Error::because("making a request", format!("the header {name} cannot be sent"));
            let key: HeaderName =
                name.parse().map_err(|_| Error::because("making a request", "a bad header name"))?;
            map.insert(key, value.parse().map_err(wrong)?);
        }
        Ok(Exchange {
            path: path_of(path)?,
            headers: Arc::new(map),
            body: Bytes::new(),
            expected: Arc::new(expected),
        })
    }

    /// The same with another body, as long as it likes.
    #[must_use]
    pub fn with_body(&self, body: impl Into<Bytes>) -> Exchange {
        let body = body.into();
        let mut headers = HeaderMap::clone(&self.headers);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        Exchange { headers: Arc::new(headers), body, ..self.clone() }
    }
}

fn path_of(path: &str) -> Result<PathAndQuery> {
    path.parse().map_err(Error::failed(format!("the path {path:?}")))
}

/// Where requests come from. They are numbered from 0 on, warm-up included.
pub enum Source {
    /// The same again and again.
    Same(Exchange),
    /// Those by turns: first the first, after the last the first again. Of none there is no request.
    Turn(Vec<Exchange>),
    /// Each once, made ahead; then the run ends.
    Once(Vec<Exchange>),
    /// A new one for each number, made before the time of its request begins. Making it costs the generator's CPU, which
    /// a machine's other programs then lack: [`Source::Once`] does not.
    Made(Box<dyn Fn(u64) -> Exchange + Send + Sync>),
}

impl Source {
    /// Request `number`; none: that was all.
    pub fn request(&self, number: u64) -> Option<Exchange> {
        let at = |all: &[Exchange], place: u64| all.get(usize::try_from(place).ok()?).cloned();
        match self {
            Source::Same(one) => Some(one.clone()),
            Source::Turn(all) => at(all, number.checked_rem(all.len().try_into().ok()?)?),
            Source::Once(all) => at(all, number),
            Source::Made(make) => Some(make(number)),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Same(_) => f.write_str("Same"),
            Source::Turn(all) => write!(f, "Turn({})", all.len()),
            Source::Once(all) => write!(f, "Once({})", all.len()),
            Source::Made(_) => f.write_str("Made"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exchange(body: &str) -> Exchange {
        Exchange::json("/x?y=z", body.to_owned(), Expected::Caller { arn: String::new() }).unwrap()
    }

    fn bodies(source: &Source) -> Vec<Option<Bytes>> {
        (0..3).map(|number| source.request(number).map(|exchange| exchange.body)).collect()
    }

    #[test]
    fn a_source_gives_the_same_one_or_several_by_turns_or_each_once_or_new_ones() {
        let (a, b) = (Some(Bytes::from("a")), Some(Bytes::from("b")));
        let both = vec![exchange("a"), exchange("b")];
        assert_eq!(bodies(&Source::Same(exchange("a"))), [a.clone(), a.clone(), a.clone()]);
        assert_eq!(bodies(&Source::Turn(both.clone())), [a.clone(), b.clone(), a.clone()]);
        assert_eq!(bodies(&Source::Once(both)), [a, b, None]);
        assert_eq!(bodies(&Source::Turn(Vec::new())), [None, None, None]);
        let made = Source::Made(Box::new(|number| exchange(&number.to_string())));
        assert_eq!(made.request(7).unwrap().body, "7");
    }

    #[test]
    fn the_length_follows_the_body() {
        let first = exchange("a");
        assert_eq!(first.headers[CONTENT_LENGTH], "1");
        assert_eq!(first.with_body("three").headers[CONTENT_LENGTH], "5");
        let empty =
            Exchange::empty("/", &[("x-a".into(), "b".into())], Expected::Caller { arn: String::new() });
        assert_eq!(empty.unwrap().headers[CONTENT_LENGTH], "0");
    }

    #[test]
    fn what_cannot_be_sent_is_an_error() {
        let expected = || Expected::Caller { arn: String::new() };
        assert!(Exchange::json("no path\n", "", expected()).is_err());
        assert!(Exchange::empty("/", &[("a b".into(), "c".into())], expected()).is_err());
        assert!(Exchange::empty("/", &[("a".into(), "b\n".into())], expected()).is_err());
    }
}
