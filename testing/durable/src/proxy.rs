//! A TCP proxy whose connections can be cut at any moment: between a sender and a receiver that
//! know nothing of it. Threads of its own pass the bytes on; they end with their connections.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use oxmq_testing::{Doing, Result};

/// See the file's first paragraph.
pub(crate) struct Proxy {
    /// Where to connect, as an endpoint.
    pub(crate) endpoint: String,
    /// Both ends of each connection that was made.
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Proxy {
    /// Starts one before whoever listens, or will listen, at an endpoint of tcp.
    pub(crate) fn start(target: &str) -> Result<Proxy> {
        let listener = TcpListener::bind("127.0.0.1:0").doing("the proxy's port")?;
        let endpoint = format!("tcp://{}", listener.local_addr().doing("the proxy's port")?);
        let target = target.trim_start_matches("tcp://").to_owned();
        let open = Arc::new(Mutex::new(Vec::new()));
        let connections = open.clone();
        thread::spawn(move || {
            for near in listener.incoming().map_while(|stream| stream.ok()) {
                // Without a target the connection ends, and is tried again.
                let Ok(far) = TcpStream::connect(&target) else { continue };
                let all = [near.try_clone(), far.try_clone()];
                let mut connections = connections.lock().unwrap_or_else(PoisonError::into_inner);
                connections.extend(all.into_iter().flatten());
                drop(connections);
                pass(near.try_clone(), far.try_clone());
                pass(Ok(far), Ok(near));
            }
        });
        Ok(Proxy { endpoint, open })
    }

    /// Cuts every connection.
    pub(crate) fn cut(&self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.drain(..) {
            // It may have ended by itself.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

fn pass(from: std::io::Result<TcpStream>, to: std::io::Result<TcpStream>) {
    let (Ok(mut from), Ok(mut to)) = (from, to) else { return };
    thread::spawn(move || {
        let mut bytes = [0; 4096];
        loop {
            match from.read(&mut bytes) {
                Ok(count) if count > 0 && to.write_all(&bytes[..count]).is_ok() => {}
                _ => break,
            }
        }
        // The other direction ends with this one.
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}
