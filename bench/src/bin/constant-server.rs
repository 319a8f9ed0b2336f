//! The constant server as a process of its own, so that its CPU time and memory can be told from others'.

use std::io::Write as _;
use std::net::SocketAddr;
use std::process::ExitCode;

use bench::constant::{self, Tls};
use bench::{Error, Result};
use clap::Parser;
use tokio::net::TcpListener;

/// Answers every POST with the same TokenReview (or another JSON text), over HTTP/2 and HTTP/1.1, until it is ended.
/// Prints one line of JSON with its URL and its certificate (PEM) when it listens.
#[derive(Debug, Parser)]
struct Arguments {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The user that the TokenReview lets in
    #[arg(long, default_value = "alice")]
    user: String,
    /// The TokenReview's version
    #[arg(long, default_value = bench::tokens::V1)]
    api_version: String,
    /// Answer this instead
    #[arg(long, value_name = "JSON")]
    answer: Option<String>,
}

fn main() -> ExitCode {
    match serve(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("constant-server: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: Arguments) -> Result<()> {
    let tls = Tls::new()?;
    let answer = match arguments.answer {
        Some(answer) => answer.into(),
        None => constant::token_review(&arguments.api_version, &arguments.user),
    };
    // As many threads as the servers that it stands beside.
    let threads = std::thread::available_parallelism().map_or(2, |count| count.get().max(2));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(Error::failed("starting the runtime"))?;
    let what = || format!("listening on {}", arguments.listen);
    let listener = runtime.block_on(TcpListener::bind(arguments.listen)).map_err(Error::failed(what()))?;
    let address = listener.local_addr().map_err(Error::failed(what()))?;
    let line = serde_json::json!({"url": format!("https://{address}"), "certificate": tls.certificate});
    let mut stdout = std::io::stdout();
    writeln!(stdout, "{line}").and_then(|()| stdout.flush()).map_err(Error::failed("writing to stdout"))?;
    runtime.block_on(constant::serve(listener, tls.config, answer));
    Ok(())
}
