//! Listens inside a network namespace and hands each connection on to a unix socket, which is the same file outside:
//! `namespace-bridge ADDRESS:PORT SOCKET`. Started by `e2e::namespace`.
//!
//! Its one line on stdout, once connections are accepted, is `ready` and its process id, by which others enter the
//! namespace.

use std::io::Write;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [address, socket] = words.as_slice() else {
        eprintln!("usage: namespace-bridge ADDRESS:PORT SOCKET");
        return ExitCode::from(2);
    };
    match serve(address, Path::new(socket)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("namespace-bridge: cannot listen on {address}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(address: &str, socket: &Path) -> std::io::Result<()> {
    let listener = TcpListener::bind(address)?;
    writeln!(std::io::stdout(), "ready {}", std::process::id())?;
    for client in listener.incoming() {
        let client = client?;
        let socket = socket.to_owned();
        // A connection that breaks off is what the program sees of it.
        std::thread::spawn(move || hand_on(client, &socket));
    }
    Ok(())
}

/// Copies both ways until both ends have said all, or one is gone.
fn hand_on(client: TcpStream, socket: &Path) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let server = UnixStream::connect(socket)?;
    let (mut from_client, mut to_server) = (client.try_clone()?, server.try_clone()?);
    let sending = std::thread::spawn(move || {
        let _ = std::io::copy(&mut from_client, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    let (mut from_server, mut to_client) = (server, client);
    let _ = std::io::copy(&mut from_server, &mut to_client);
    // The server has ended: what the client would still say goes nowhere.
    let _ = to_client.shutdown(Shutdown::Both);
    let _ = sending.join();
    Ok(())
}
