//! Paths of values in a file, such as `rules[0].allow.actions[1]`. The path of the whole file is empty.

/// Returns the path of a key of the map at `path`.
pub fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Returns the path of an item of the list at `path`.
pub fn item(path: &str, index: usize) -> String {
    format!("{path}[{index}]")
}
