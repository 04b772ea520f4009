//! The `credentials` file: a section per server, with its token.
//!
//! ```text
//! [prod]
//! token = abc123
//! ```
//!
//! Lines that begin with `#` are comments. Keys other than `token` are ignored, and so is text before the first
//! section. Quotes around a value are removed. Sections of one name count as one, in which the last token holds.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::error::OperatorError;
use super::home::OperatorDir;
use crate::token::BearerToken;

/// The file with the tokens of servers. It need not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CredentialsFile {
    path: PathBuf,
}

impl CredentialsFile {
    /// Takes the file of an operator directory.
    pub fn of(dir: &OperatorDir) -> CredentialsFile {
        CredentialsFile { path: dir.credentials_path() }
    }

    /// Returns the path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the token of a server; `None` without file, section or value.
    ///
    /// # Errors
    /// When the file cannot be read, when others than its owner may access it, or when the token cannot be sent. A
    /// file that others may access does not matter to servers that have no token in it.
    pub fn token(&self, server: &str) -> Result<Option<BearerToken>, OperatorError> {
        let Some(text) = self.read()? else { return Ok(None) };
        let Some(token) = find(&text, server) else { return Ok(None) };
        self.check_mode()?;
        let origin = || format!("the token of [{server}] in {}", self.path.display());
        match BearerToken::new(token) {
            Ok(token) => Ok(Some(token)),
            Err(problem) => Err(OperatorError::Token { origin: origin(), problem }),
        }
    }

    /// Stores the token of a server. Other sections keep every byte. The directory is created when missing; the file
    /// is replaced as a whole and belongs to its owner alone.
    ///
    /// # Errors
    /// When the name cannot be a section, when the file cannot be read or written, or others may access it.
    pub fn set(&self, server: &str, token: &BearerToken) -> Result<(), OperatorError> {
        check_name(server)?;
        self.check_mode()?;
        let text = self.read()?.unwrap_or_default();
        self.write(&with_token(&text, server, token.expose()))
    }

    /// Removes a server's section. A file without it stays as it is, and an absent one absent.
    ///
    /// # Errors
    /// As [`CredentialsFile::set`].
    pub fn remove(&self, server: &str) -> Result<(), OperatorError> {
        check_name(server)?;
        self.check_mode()?;
        match self.read()?.and_then(|text| without(&text, server)) {
            Some(text) => self.write(&text),
            None => Ok(()),
        }
    }

    fn read(&self) -> Result<Option<String>, OperatorError> {
        match fs::read_to_string(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(OperatorError::Io { action: "read", path: self.path.clone(), source }),
        }
    }

    #[cfg(unix)]
    fn check_mode(&self) -> Result<(), OperatorError> {
        use std::os::unix::fs::PermissionsExt;
        let mode = match fs::metadata(&self.path) {
            Ok(about) => about.permissions().mode() & 0o7777,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(source) => return Err(OperatorError::Io { action: "read", path: self.path.clone(), source }),
        };
        match mode & 0o077 {
            0 => Ok(()),
            _ => Err(OperatorError::Permissions { path: self.path.clone(), mode }),
        }
    }

    #[cfg(not(unix))]
    fn check_mode(&self) -> Result<(), OperatorError> {
        Ok(())
    }

    fn write(&self, text: &str) -> Result<(), OperatorError> {
        self.replace(text).map_err(|source| OperatorError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        })
    }

    /// Writes a file beside and renames it, so that nobody ever reads half of it. A link keeps pointing to the file.
    fn replace(&self, text: &str) -> io::Result<()> {
        let target = match fs::canonicalize(&self.path) {
            Ok(target) => target,
            Err(error) if error.kind() == ErrorKind::NotFound => self.path.clone(),
            Err(error) => return Err(error),
        };
        let dir = target.parent().unwrap_or(Path::new("."));
        create_private_dir(dir)?;
        // Created with mode 0600.
        let mut file = tempfile::Builder::new().prefix(".credentials-").tempfile_in(dir)?;
        file.write_all(text.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(&target).map_err(|error| error.error)?;
        Ok(())
    }
}

#[cfg(unix)]
fn create_private_dir(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn create_private_dir(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

fn check_name(server: &str) -> Result<(), OperatorError> {
    let blank = server.trim().is_empty() || server.trim() != server;
    if blank || server.contains(['[', ']']) || server.contains(char::is_control) {
        return Err(OperatorError::ServerName { name: server.to_owned() });
    }
    Ok(())
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    Section(&'a str),
    Token(&'a str),
    Other,
    /// Blank, or a comment.
    Aside,
}

fn classify(line: &str) -> Line<'_> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Line::Aside;
    }
    if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return Line::Section(name.trim());
    }
    match line.split_once('=') {
        Some((key, value)) if key.trim() == "token" => Line::Token(unquoted(value.trim())),
        _ => Line::Other,
    }
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

/// Returns the lines, with their ends, each with what it is and whether it belongs to the section.
fn lines<'a>(text: &'a str, server: &'a str) -> impl Iterator<Item = (&'a str, Line<'a>, bool)> {
    let mut inside = false;
    text.split_inclusive('\n').map(move |line| {
        let what = classify(line);
        if let Line::Section(name) = what {
            inside = name == server;
        }
        (line, what, inside)
    })
}

fn find<'a>(text: &'a str, server: &'a str) -> Option<&'a str> {
    let tokens = lines(text, server).filter_map(|(_, what, inside)| match what {
        Line::Token(token) if inside => Some(token.trim()),
        _ => None,
    });
    tokens.last().filter(|token| !token.is_empty())
}

/// Returns the text with the one token of a section, which is added at the end when missing.
fn with_token(text: &str, server: &str, token: &str) -> String {
    // A token within quotes would lose them.
    let value = if unquoted(token) == token { token.to_owned() } else { format!("\"{token}\"") };
    let entry = format!("token = {value}\n");
    let mut out = String::with_capacity(text.len() + server.len() + entry.len() + 4);
    let mut stored = false;
    for (line, what, inside) in lines(text, server) {
        match what {
            Line::Token(_) if inside => continue,
            _ => out.push_str(line),
        }
        if inside && !stored && matches!(what, Line::Section(_)) {
            end_line(&mut out);
            out.push_str(&entry);
            stored = true;
        }
    }
    if !stored {
        end_line(&mut out);
        if !out.is_empty() {
            out.push('\n');
        }
        out.push_str(&format!("[{server}]\n{entry}"));
    }
    out
}

fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// Returns the text without a section; `None` when there is none. Comments behind its last key stay, as they may speak
/// about the next section.
fn without(text: &str, server: &str) -> Option<String> {
    let all: Vec<_> = lines(text, server).collect();
    let mut out = String::with_capacity(text.len());
    let mut removed = false;
    let mut at = 0;
    while let Some((line, what, inside)) = all.get(at) {
        if !(*inside && matches!(what, Line::Section(_))) {
            out.push_str(line);
            at += 1;
            continue;
        }
        removed = true;
        let rest = &all[at + 1..];
        let length =
            rest.iter().position(|(_, what, _)| matches!(what, Line::Section(_))).unwrap_or(rest.len());
        let body = &rest[..length];
        let keys = body.iter().rposition(|(_, what, _)| *what != Line::Aside).map_or(0, |last| last + 1);
        let blanks = body[keys..].iter().take_while(|(line, _, _)| line.trim().is_empty()).count();
        at += 1 + keys + blanks;
        // The comments that stay are copied here, where they would else be taken for the section's.
        for (line, _, _) in &all[at..at + (length - keys - blanks)] {
            out.push_str(line);
        }
        at += length - keys - blanks;
    }
    removed.then_some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "# mine\n[a]\ntoken = one\nother = x\n\n# about b\n[ b ]\r\ntoken='two = 2'\r\n[c]\ntoken =\n";

    fn dir() -> (tempfile::TempDir, CredentialsFile) {
        let dir = tempfile::tempdir().unwrap();
        let file = CredentialsFile::of(&OperatorDir::new(dir.path().join("home")));
        (dir, file)
    }

    fn token(text: &str) -> BearerToken {
        BearerToken::new(text).unwrap()
    }

    #[test]
    fn tokens_are_found_by_section() {
        assert_eq!(find(FILE, "a"), Some("one"));
        assert_eq!(find(FILE, "b"), Some("two = 2"));
        assert_eq!(find(FILE, "c"), None);
        assert_eq!(find(FILE, "d"), None);
        assert_eq!(find("token = stray\n[a]\n#token = no\n  token=\"x\"", "a"), Some("x"));
        assert_eq!(find("[a]\nTOKEN = no\ntoken_x = no\n", "a"), None);
        assert_eq!(find("[a]\ntoken = 1\n[b]\n[a]\ntoken = 2\n", "a"), Some("2"));
    }

    #[test]
    fn storing_changes_one_section() {
        assert_eq!(with_token("", "a", "t"), "[a]\ntoken = t\n");
        assert_eq!(with_token("[b]\ntoken = x", "a", "t"), "[b]\ntoken = x\n\n[a]\ntoken = t\n");
        assert_eq!(with_token(FILE, "a", "new"), FILE.replace("one", "new"));
        assert_eq!(with_token(FILE, "c", "new"), FILE.replace("token =\n", "token = new\n"));
        assert_eq!(with_token("[a]\nother = 1\n", "a", "t"), "[a]\ntoken = t\nother = 1\n");
        assert_eq!(with_token("[a]", "a", "t"), "[a]\ntoken = t\n");
        let twice = with_token("[a]\ntoken = 1\n[b]\n[a]\ntoken = 2\n", "a", "t");
        assert_eq!(twice, "[a]\ntoken = t\n[b]\n[a]\n");
        for odd in ["\"x\"", "'x'", "a=b", "#x", "\"", "''"] {
            assert_eq!(find(&with_token(FILE, "n", odd), "n"), Some(odd), "{odd}");
        }
    }

    #[test]
    fn removing_takes_one_section_and_no_comment_of_the_next() {
        assert_eq!(without(FILE, "x"), None);
        assert_eq!(without(FILE, "a").unwrap(), FILE.replace("[a]\ntoken = one\nother = x\n\n", ""));
        assert_eq!(without(FILE, "b").unwrap(), FILE.replace("[ b ]\r\ntoken='two = 2'\r\n", ""));
        assert_eq!(without(FILE, "c").unwrap(), FILE.replace("[c]\ntoken =\n", ""));
        assert_eq!(without("[a]\ntoken = 1\n[b]\n[a]\nx\n", "a").unwrap(), "[b]\n");
        assert_eq!(without("[a]\n# kept\n[b]\n", "a").unwrap(), "# kept\n[b]\n");
    }

    #[test]
    fn a_file_is_made_replaced_and_read() {
        let (_dir, file) = dir();
        assert_eq!(file.token("a").unwrap(), None);
        file.remove("a").unwrap();
        assert!(!file.path().exists());
        file.set("a", &token("one")).unwrap();
        file.set("b", &token("two")).unwrap();
        assert_eq!(file.token("a").unwrap(), Some(token("one")));
        file.remove("a").unwrap();
        assert_eq!((file.token("a").unwrap(), file.token("b").unwrap()), (None, Some(token("two"))));
        let parent = file.path().parent().unwrap();
        assert_eq!(fs::read_dir(parent).unwrap().count(), 1, "a temporary file is left");
        for name in ["", " ", " a", "a]", "a\nb"] {
            assert!(matches!(file.set(name, &token("t")), Err(OperatorError::ServerName { .. })), "{name:?}");
        }
    }

    #[test]
    fn a_token_that_cannot_be_sent_is_told_without_it() {
        let (_dir, file) = dir();
        file.set("a", &token("t")).unwrap();
        let text = fs::read_to_string(file.path()).unwrap().replace("= t", "= s3cret x");
        fs::write(file.path(), text).unwrap();
        let error = file.token("a").unwrap_err().to_string();
        assert!(error.contains("[a]") && !error.contains("s3cret"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_access_the_file() {
        use std::os::unix::fs::PermissionsExt;
        let (_dir, file) = dir();
        file.set("a", &token("t")).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(file.path()), 0o600);
        assert_eq!(mode(file.path().parent().unwrap()), 0o700);
        for open in [0o640, 0o604, 0o601, 0o644, 0o620] {
            fs::set_permissions(file.path(), fs::Permissions::from_mode(open)).unwrap();
            for error in [
                file.token("a").unwrap_err(),
                file.set("a", &token("u")).unwrap_err(),
                file.remove("a").unwrap_err(),
            ] {
                assert!(error.to_string().contains("chmod 600"), "{error}");
            }
            assert_eq!(file.token("other").unwrap(), None);
        }
        fs::set_permissions(file.path(), fs::Permissions::from_mode(0o400)).unwrap();
        assert_eq!(file.token("a").unwrap(), Some(token("t")));
    }

    #[cfg(unix)]
    #[test]
    fn a_link_keeps_pointing_to_the_file() {
        let (dir, file) = dir();
        file.set("a", &token("t")).unwrap();
        let real = dir.path().join("real");
        fs::rename(file.path(), &real).unwrap();
        std::os::unix::fs::symlink(&real, file.path()).unwrap();
        file.set("a", &token("u")).unwrap();
        assert!(fs::symlink_metadata(file.path()).unwrap().is_symlink());
        assert!(fs::read_to_string(real).unwrap().contains("token = u"));
    }
}
