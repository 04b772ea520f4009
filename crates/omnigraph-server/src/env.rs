//! The process environment as a value, so that what is read from it can be tested without touching it.

use std::ffi::OsString;

/// A view of environment variables. A variable that is blank counts as unset.
#[derive(Clone, Copy)]
pub struct Env<'a> {
    lookup: &'a dyn Fn(&str) -> Option<OsString>,
}

/// A variable whose value is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {name} is not UTF-8")]
pub struct NotUnicode {
    /// The variable.
    pub name: String,
}

impl<'a> Env<'a> {
    /// Reads variables through `lookup`, which returns the raw value of a name.
    pub fn new(lookup: &'a dyn Fn(&str) -> Option<OsString>) -> Self {
        Self { lookup }
    }

    /// Returns the environment of this process.
    pub fn process() -> Env<'static> {
        Env { lookup: &process_variable }
    }

    /// Returns the value of a variable as it is, unless it is blank.
    ///
    /// # Errors
    /// [`NotUnicode`]: a value that cannot be read must not pass for an unset one.
    pub fn get(&self, name: &str) -> Result<Option<String>, NotUnicode> {
        match (self.lookup)(name) {
            None => Ok(None),
            Some(value) => match value.into_string() {
                Ok(text) => Ok((!text.trim().is_empty()).then_some(text)),
                Err(_) => Err(NotUnicode { name: name.to_owned() }),
            },
        }
    }

    /// Tells whether a switch is on: after trimming not empty, not `0`, not `false` in any case.
    ///
    /// # Errors
    /// [`NotUnicode`].
    pub fn truthy(&self, name: &str) -> Result<bool, NotUnicode> {
        Ok(self.get(name)?.is_some_and(|text| {
            let text = text.trim();
            text != "0" && !text.eq_ignore_ascii_case("false")
        }))
    }
}

fn process_variable(name: &str) -> Option<OsString> {
    std::env::var_os(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::env_of;

    #[test]
    fn a_blank_variable_is_unset() {
        let lookup = env_of(&[("A", "  "), ("B", " x ")]);
        let env = Env::new(&lookup);
        assert_eq!(env.get("A").unwrap(), None);
        assert_eq!(env.get("B").unwrap().as_deref(), Some(" x "));
        assert_eq!(env.get("C").unwrap(), None);
    }

    #[test]
    fn switches_are_on_unless_zero_false_or_blank() {
        for (text, on) in
            [("1", true), ("no", true), (" TRUE ", true), ("0", false), (" FaLse ", false), (" ", false)]
        {
            let lookup = env_of(&[("S", text)]);
            assert_eq!(Env::new(&lookup).truthy("S").unwrap(), on, "{text:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_value_that_is_not_unicode_is_an_error() {
        use std::os::unix::ffi::OsStringExt;
        let lookup = |_: &str| Some(OsString::from_vec(vec![0xff]));
        assert_eq!(Env::new(&lookup).get("T"), Err(NotUnicode { name: "T".into() }));
    }
}
