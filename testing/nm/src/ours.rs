//! Our own clients and services: a thread each, with a socket of its own, between the same
//! devices as the stock ones. A value owns its threads and their context.

use std::thread::{self, JoinHandle};
use std::time::Duration;

use oxmq_engine::{Context, Error, Message, Msg, Profile, Socket, SocketType, Wait};
use oxmq_testing::{Doing, Result};

use crate::stock::Tally;

/// Time after which something counts as never coming.
pub(crate) const NEVER: Wait = Wait::For(Duration::from_secs(20));

/// Clients or services of ours that run.
pub(crate) struct Ours {
    context: Context,
    clients: Vec<JoinHandle<Result<Tally>>>,
    services: Vec<JoinHandle<Result<()>>>,
}

impl Ours {
    pub(crate) fn new() -> Ours {
        let context = Context::new(Profile::Safe);
        Ours { context, clients: Vec::new(), services: Vec::new() }
    }

    /// Starts services and waits until each is connected.
    pub(crate) fn services(&mut self, pairs: &[(String, String)]) -> Result<()> {
        for (name, endpoint) in pairs {
            let rep = self.context.socket(SocketType::Rep).doing("opening a REP")?;
            rep.connect(endpoint).doing("connecting a REP")?;
            rep.wait_changed(NEVER, |peers| peers.connected == 1).doing("connecting a REP")?;
            let name = name.clone();
            self.services.push(thread::spawn(move || serve(&rep, &name)));
        }
        Ok(())
    }

    /// Starts clients that ask so many times each.
    pub(crate) fn clients(&mut self, count: u64, pairs: &[(String, String)]) -> Result<()> {
        for (name, endpoint) in pairs {
            let req = self.context.socket(SocketType::Req).doing("opening a REQ")?;
            req.connect(endpoint).doing("connecting a REQ")?;
            let name = name.clone();
            self.clients.push(thread::spawn(move || ask(&req, &name, count)));
        }
        Ok(())
    }

    /// Waits until each client has all its replies.
    pub(crate) fn done(&mut self) -> Result<Tally> {
        let mut tally = Tally::default();
        for client in self.clients.drain(..) {
            tally.add(client.join().map_err(|_| "a client of ours panicked")??);
        }
        Ok(tally)
    }

    /// Ends the services.
    pub(crate) fn end(self) -> Result<()> {
        self.context.shutdown();
        for service in self.services {
            service.join().map_err(|_| "a service of ours panicked")??;
        }
        Ok(())
    }
}

/// Answers every request with the name of the service before it, until the context ends.
pub(crate) fn serve(rep: &Socket, name: &str) -> Result<()> {
    loop {
        let mut message = match rep.recv_message(Wait::Forever) {
            Err(Error::Terminated) => return Ok(()),
            other => other.doing(format_args!("{name}'s receive"))?,
        };
        message.push_front(Msg::from(name));
        match rep.send_message(&mut message, NEVER) {
            Err(Error::Terminated) => return Ok(()),
            other => other.doing(format_args!("{name}'s send"))?,
        }
    }
}

/// Sends numbered requests and checks each reply.
pub(crate) fn ask(req: &Socket, name: &str, count: u64) -> Result<Tally> {
    let mut tally = Tally::default();
    for number in 0..count {
        let number = number.to_string();
        let request = [name.as_bytes(), number.as_bytes()];
        let mut message: Message = request.iter().map(|part| Msg::from(*part)).collect();
        req.send_message(&mut message, NEVER).doing(format_args!("{name} asks {number}"))?;
        let reply = req.recv_message(NEVER);
        let mut reply = reply.doing(format_args!("{name} waits for reply {number}"))?;
        let service = reply.pop_front().unwrap_or_default();
        if reply != request[..] {
            return Err(format!("{name} asked {number} and got {reply:?}"));
        }
        let service = String::from_utf8_lossy(service.as_slice()).into_owned();
        *tally.replies.entry(service).or_default() += 1;
    }
    Ok(tally)
}
