//! `omnigraph login` and `logout`.

use std::io::{BufRead, IsTerminal};

use omnigraph_client::BearerToken;
use omnigraph_client::operator::{self as client, OperatorDir, ProcessEnv};

use crate::args::Global;
use crate::args::local::{Login, Logout};
use crate::failure::Failure;
use crate::operator;
use crate::output;

/// Stores the token of a server.
pub(crate) fn login(args: &Login, global: &Global) -> Result<(), Failure> {
    let operator = operator::load()?;
    let text = match &args.token {
        Some(token) => token.clone(),
        None => ask(&args.name)?,
    };
    let token = BearerToken::new(&text).map_err(|problem| {
        Failure::usage(
            format!("cannot store the credential for '{}': {problem}", args.name),
            "pass --token TOKEN, or one line on stdin",
        )
    })?;
    let done = client::login(operator.dir.as_ref(), &operator.config, &args.name, &token)?;
    if !done.declared {
        eprintln!(
            "note: nothing uses the credential until the operator config has `servers: {{ {}: {{ url: … }} }}`",
            args.name
        );
    }
    if global.json {
        return output::json(&done);
    }
    output::line(&format!("stored credential for '{}' in {}", done.server, done.credentials_path))
}

/// Removes the token of a server, if there is one.
pub(crate) fn logout(args: &Logout, global: &Global) -> Result<(), Failure> {
    let done = client::logout(OperatorDir::find(&ProcessEnv).as_ref(), &args.name)?;
    if global.json {
        return output::json(&done);
    }
    output::line(&format!("removed credential for '{}' from {}", done.server, done.credentials_path))
}

/// Asks for a token without showing it on a terminal; else reads one line.
fn ask(server: &str) -> Result<String, Failure> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(format!("Token for '{server}': "))
            .map_err(|error| Failure::io("reading the token", error));
    }
    let mut line = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut line)
        .map_err(|error| Failure::io("reading the token from stdin", error))?;
    Ok(line)
}
