//! The arguments of security, which every command with sockets takes, and those of `keygen`. Only
//! descriptions, built once on the main thread.

use std::path::PathBuf;

use clap::{Args, ValueHint};

/// Mechanism, keys, credentials and who may come in.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Security")]
pub(crate) struct SecurityArgs {
    /// Encrypt, as the server: needs --curve-secret, and --allow to say who may come in
    #[arg(long, requires = "curve_secret", requires = "allow")]
    #[arg(conflicts_with_all = ["curve_server_key", "plain_server", "plain_user"])]
    pub(crate) curve_server: bool,
    /// The file with our own secret key, NAME.key_secret as `oxmq keygen NAME` writes it; a client
    /// without one uses a key made for the occasion
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) curve_secret: Option<PathBuf>,
    /// Encrypt, as a client of servers with this public key: 40 characters, or the file with it
    #[arg(long, value_name = "KEY|FILE", conflicts_with_all = ["plain_server", "plain_user"])]
    pub(crate) curve_server_key: Option<String>,
    /// Ask clients for a user name and a password, in clear text: needs --allow
    #[arg(long, requires = "allow", conflicts_with = "plain_user")]
    pub(crate) plain_server: bool,
    /// Show this user name to the server, in clear text: needs --plain-password-file
    #[arg(long, value_name = "NAME", requires = "plain_password_file")]
    pub(crate) plain_user: Option<String>,
    /// The file whose first line is the password of --plain-user
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "plain_user")]
    pub(crate) plain_password_file: Option<PathBuf>,
    /// Who may come in, one a line: `key KEY [NAME]` with CURVE, `user NAME PASSWORD` with PLAIN
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) allow: Option<PathBuf>,
}

impl SecurityArgs {
    /// Something of it is on the command line.
    pub(crate) fn is_given(&self) -> bool {
        self.curve_server
            || self.plain_server
            || self.curve_secret.is_some()
            || self.curve_server_key.is_some()
            || self.plain_user.is_some()
            || self.plain_password_file.is_some()
            || self.allow.is_some()
    }
}

/// Arguments of `keygen`.
#[derive(Args, Debug)]
pub(crate) struct KeygenArgs {
    /// Where to write: the public key to NAME.key, both keys to NAME.key_secret
    #[arg(value_name = "NAME", value_hint = ValueHint::AnyPath)]
    pub(crate) name: PathBuf,
}
