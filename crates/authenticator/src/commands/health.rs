//! `health`: one question to a running server, for probes that run a command.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

/// Time for connecting, for sending and for each piece of the answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// More than any answer to such a question.
const ANSWER_LIMIT: u64 = 16 * 1024;
/// How much of an answer is repeated.
const SHOWN: usize = 500;

/// Flags of `health`.
#[derive(Args, Debug)]
pub struct HealthArguments {
    /// The socket that the server was given as --health-socket: that one process is asked and no other
    #[arg(long, value_name = "PATH", conflicts_with = "address")]
    pub socket: Option<PathBuf>,
    /// Where the server answers health over TCP
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:21363")]
    pub address: SocketAddr,
    /// Ask only whether it runs and answers, not whether it is ready
    #[arg(long)]
    pub live: bool,
}

/// Why the answer is no. One line.
#[derive(Debug, thiserror::Error)]
pub enum HealthError {
    /// Nobody answers.
    #[error("{place} does not answer: {source}; is the server running, and with this --health-{flag}?")]
    NoAnswer {
        /// The socket or address.
        place: String,
        /// `socket` or `address`.
        flag: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The server says what is missing, or something else answers.
    #[error("{place} answers: {answer}")]
    No {
        /// The socket or address.
        place: String,
        /// The first line of the answer's body, or of the answer.
        answer: String,
    },
}

/// Asks; the answer is a line for stdout.
///
/// # Errors
/// [`HealthError`].
pub fn ask(arguments: &HealthArguments) -> Result<&'static str, HealthError> {
    let path = if arguments.live { "/livez" } else { "/readyz" };
    let (place, flag, answer) = match &arguments.socket {
        Some(socket) => (socket.display().to_string(), "socket", over_socket(socket, path)),
        None => (arguments.address.to_string(), "address", over_tcp(arguments.address, path)),
    };
    let answer = answer.map_err(|source| HealthError::NoAnswer { place: place.clone(), flag, source })?;
    let text = String::from_utf8_lossy(&answer);
    if text.starts_with("HTTP/1.1 200 ") {
        return Ok("ok");
    }
    let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let line = body.lines().next().filter(|line| !line.is_empty()).or_else(|| text.lines().next());
    let answer = line.unwrap_or("nothing").chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    Err(HealthError::No { place, answer })
}

fn over_socket(path: &std::path::Path, question: &str) -> io::Result<Vec<u8>> {
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    exchange(stream, question)
}

fn over_tcp(address: SocketAddr, question: &str) -> io::Result<Vec<u8>> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    exchange(stream, question)
}

fn exchange(mut stream: impl Read + Write, path: &str) -> io::Result<Vec<u8>> {
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_LIMIT).read_to_end(&mut answer)?;
    Ok(answer)
}
