//! Environment variables, looked up through a trait so that tests and embedders can give their own.

/// Where variables are looked up. An empty value counts as unset wherever this crate looks.
pub trait Env {
    /// Returns the value of a variable.
    fn var(&self, name: &str) -> Option<String>;
}

/// The environment of this process. Values that are not UTF-8 count as unset.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnv;

impl Env for ProcessEnv {
    fn var(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

impl<F: Fn(&str) -> Option<String>> Env for F {
    fn var(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// Returns a variable that is not blank, without the blanks around it.
pub(super) fn set(env: &dyn Env, name: &str) -> Option<String> {
    env.var(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}
