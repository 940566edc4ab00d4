//! `oxmq keygen`, and what the security arguments of the other commands come to: the files are read
//! once, before the first socket is made, and each socket is told. Used by the main thread.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use oxmq::{AllowList, AnySocket, CurveKeyPair, PublicKey, SocketType};

use crate::args::{KeygenArgs, SecurityArgs};
use crate::failure::Failure;
use crate::tell::tell;

/// What sockets are told; secrets are wiped with it.
pub(crate) struct Security {
    role: Role,
    allow: Option<AllowList>,
}

enum Role {
    None,
    CurveServer(CurveKeyPair),
    CurveClient { keys: CurveKeyPair, server: PublicKey },
    PlainServer,
    PlainClient { user: String, password: String },
}

impl Security {
    /// Reads the files that the arguments name.
    pub(crate) fn read(args: &SecurityArgs) -> Result<Security, Failure> {
        let role = if args.curve_server {
            let Some(path) = &args.curve_secret else {
                return Err(Failure::usage("--curve-server needs --curve-secret"));
            };
            Role::CurveServer(oxmq::read_key_pair(path).map_err(|error| failed(&error))?)
        } else if let Some(server) = &args.curve_server_key {
            let keys = match &args.curve_secret {
                Some(path) => oxmq::read_key_pair(path).map_err(|error| failed(&error))?,
                None => oxmq::curve_keypair()?,
            };
            Role::CurveClient { keys, server: server_key(server)? }
        } else if args.curve_secret.is_some() {
            return Err(Failure::usage(
                "--curve-secret needs --curve-server, or --curve-server-key for a client",
            ));
        } else if args.plain_server {
            Role::PlainServer
        } else if let (Some(user), Some(path)) = (&args.plain_user, &args.plain_password_file) {
            Role::PlainClient { user: user.clone(), password: password(path)? }
        } else {
            Role::None
        };
        let allow = args
            .allow
            .as_ref()
            .map(oxmq::read_allow_list)
            .transpose()
            .map_err(|error| failed(&error))?;
        match (&allow, &role) {
            (Some(_), Role::CurveServer(_) | Role::PlainServer) | (None, _) => {}
            _ => return Err(Failure::usage("--allow needs --curve-server or --plain-server")),
        }
        if allow.as_ref().is_some_and(AllowList::is_empty) {
            tell("the list of --allow is empty: nobody may come in");
        }
        Ok(Security { role, allow })
    }

    /// Whether a server decides on us.
    pub(crate) fn is_client(&self) -> bool {
        matches!(self.role, Role::CurveClient { .. } | Role::PlainClient { .. })
    }

    /// Gives a socket its options.
    pub(crate) fn apply(&self, socket: &AnySocket) -> Result<(), Failure> {
        if matches!(self.role, Role::None) {
            return Ok(());
        }
        if socket.socket_type() == SocketType::Stream {
            return Err(Failure::usage(
                "a stream socket speaks plain TCP: it has no CURVE or PLAIN",
            ));
        }
        socket.configure(|options| {
            let options = match &self.role {
                Role::None => options,
                Role::CurveServer(keys) => options.curve_server(keys),
                Role::CurveClient { keys, server } => options.curve_client(keys, *server),
                Role::PlainServer => options.plain_server(),
                Role::PlainClient { user, password } => options.plain_client(user, password),
            };
            match &self.allow {
                Some(list) => options.allow_list(list),
                None => options,
            }
        })?;
        Ok(())
    }
}

/// Makes a pair of keys and writes it as two files; prints the public key.
pub(crate) fn keygen(args: &KeygenArgs) -> Result<(), Failure> {
    let keys = oxmq::curve_keypair()?;
    let (public, secret) =
        oxmq::write_key_files(&args.name, &keys).map_err(|error| failed(&error))?;
    tell(format_args!("public key in {}, secret key in {}", public.display(), secret.display()));
    let text = oxmq::public_key_to_z85(&keys.public);
    writeln!(io::stdout(), "{text}").map_err(|error| Failure::output(&error))
}

/// A public key as such, or in a file.
fn server_key(text: &str) -> Result<PublicKey, Failure> {
    // The path of a file may have the length of a key, and nothing but its characters.
    match oxmq::public_key_from_z85(text).filter(|_| !Path::new(text).is_file()) {
        Some(key) => Ok(key),
        None => oxmq::read_public_key(text).map_err(|error| failed(&error)),
    }
}

fn password(path: &Path) -> Result<String, Failure> {
    let cannot = |error| Failure::error(format!("cannot read {}: {error}", path.display()));
    let mode = fs::metadata(path).map_err(cannot)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let path = path.display();
        return Err(Failure::error(format!(
            "{path} holds a password and others can read it (mode {mode:03o}): chmod 600 {path}"
        )));
    }
    let content = fs::read_to_string(path).map_err(cannot)?;
    let password = content.lines().next().unwrap_or_default();
    if password.is_empty() || password.len() > 255 {
        let path = path.display();
        return Err(Failure::error(format!(
            "the first line of {path} is no password of 1 to 255 \
                                           bytes"
        )));
    }
    Ok(password.to_owned())
}

fn failed(error: &oxmq::KeyFileError) -> Failure {
    Failure::error(error.to_string())
}
