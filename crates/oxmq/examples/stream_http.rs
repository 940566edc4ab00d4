//! STREAM: a web server in a few lines. The socket carries plain TCP, the client here is one of
//! the standard library's, and a browser would do as well.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use oxmq::{Context, Stream};

const REQUEST: &str = "GET /hello HTTP/1.0\r\nHost: localhost\r\n\r\n";

fn fetch(address: &str) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.write_all(REQUEST.as_bytes())?;
    let mut response = String::new();
    connection.read_to_string(&mut response)?;
    Ok(response)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let context = Context::new();
    let server = Stream::new(&context)?;
    let endpoint = server.bind("tcp://127.0.0.1:*")?;
    let address = endpoint.trim_start_matches("tcp://").to_owned();
    let client = thread::spawn(move || fetch(&address));

    // The first message of a connection is empty: it has been made.
    let (browser, opening) = server.recv_from()?;
    assert_eq!(opening, [""]);
    // Bytes come as the network cuts them.
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let (from, bytes) = server.recv_from()?;
        assert_eq!(from, browser);
        bytes.iter().for_each(|part| request.extend_from_slice(part));
    }
    assert_eq!(request, REQUEST.as_bytes());
    server.send_to(&browser, "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n")?;
    server.send_to(&browser, "hello from a STREAM socket\n")?;
    // An empty message closes the connection.
    server.send_to(&browser, "")?;

    let response = client.join().map_err(|_| "the client panicked")??;
    assert!(response.starts_with("HTTP/1.0 200 OK\r\n"));
    assert!(response.ends_with("\r\n\r\nhello from a STREAM socket\n"));
    Ok(())
}
