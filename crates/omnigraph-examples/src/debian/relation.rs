//! Relations between packages (Debian Policy, chapter 7).

/// The field that states a relation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RelationKind {
    /// Must be installed and configured before.
    PreDepends,
    /// Must be installed.
    Depends,
    /// Installed unless unusual.
    Recommends,
    /// Useful together.
    Suggests,
    /// `Suggests` stated by the other side.
    Enhances,
    /// Must not be configured together.
    Breaks,
    /// Must not be unpacked together.
    Conflicts,
    /// May overwrite files of the other.
    Replaces,
    /// Stands in for the other.
    Provides,
}

impl RelationKind {
    /// All kinds, in the order in which they are written.
    pub const ALL: [Self; 9] = [
        Self::PreDepends,
        Self::Depends,
        Self::Recommends,
        Self::Suggests,
        Self::Enhances,
        Self::Breaks,
        Self::Conflicts,
        Self::Replaces,
        Self::Provides,
    ];

    /// The field in a package list.
    pub fn field(self) -> &'static str {
        match self {
            Self::PreDepends => "Pre-Depends",
            Self::Depends => "Depends",
            Self::Recommends => "Recommends",
            Self::Suggests => "Suggests",
            Self::Enhances => "Enhances",
            Self::Breaks => "Breaks",
            Self::Conflicts => "Conflicts",
            Self::Replaces => "Replaces",
            Self::Provides => "Provides",
        }
    }

    /// The edge type in the schema.
    pub fn edge(self) -> &'static str {
        match self {
            Self::PreDepends => "PreDepends",
            _ => self.field(),
        }
    }

    /// Whether `a | b` may stand in the field.
    pub fn has_alternatives(self) -> bool {
        matches!(self, Self::PreDepends | Self::Depends | Self::Recommends | Self::Suggests)
    }
}

/// One name in a relation field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// Position in the field, from 1. Alternatives share it.
    pub group: u32,
    /// Position among the alternatives, from 1.
    pub choice: u32,
    /// The other package.
    pub target: String,
    /// Architecture qualifier, such as `any`.
    pub qualifier: Option<String>,
    /// Operator and version, such as `>= 2.36`.
    pub constraint: Option<String>,
}

/// Reads the value of a relation field. On failure returns the part that does not parse.
pub(super) fn parse(value: &str, alternatives: bool) -> Result<Vec<Relation>, String> {
    let mut relations = Vec::new();
    let groups = value.split(',').map(str::trim).filter(|g| !g.is_empty());
    for (group, text) in (1..).zip(groups) {
        let choices: Vec<&str> = if alternatives { text.split('|').collect() } else { vec![text] };
        for (choice, text) in (1..).zip(choices) {
            let relation = relation(text.trim(), group, choice).ok_or_else(|| text.trim().to_owned())?;
            relations.push(relation);
        }
    }
    Ok(relations)
}

fn relation(text: &str, group: u32, choice: u32) -> Option<Relation> {
    let (name, constraint) = match text.split_once('(') {
        None => (text, None),
        Some((name, rest)) => (name.trim_end(), Some(constraint(rest.strip_suffix(')')?.trim())?)),
    };
    let (target, qualifier) = match name.split_once(':') {
        None => (name, None),
        Some((name, qualifier)) => (name, Some(qualifier)),
    };
    let word =
        |w: &str| !w.is_empty() && w.bytes().all(|c| c.is_ascii_alphanumeric() || b"+-._".contains(&c));
    let sound = word(target) && qualifier.is_none_or(word);
    sound.then(|| Relation {
        group,
        choice,
        target: target.to_owned(),
        qualifier: qualifier.map(str::to_owned),
        constraint,
    })
}

fn constraint(text: &str) -> Option<String> {
    let end = text.find(|c| !matches!(c, '<' | '=' | '>'))?;
    let (operator, version) = (&text[..end], text[end..].trim());
    // `<` and `>` are old spellings of `<=` and `>=`.
    let operator = match operator {
        "<" => "<=",
        ">" => ">=",
        "<<" | "<=" | "=" | ">=" | ">>" => operator,
        _ => return None,
    };
    let sound = !version.is_empty() && !version.contains(|c: char| c.is_whitespace() || c == '(' || c == ')');
    sound.then(|| format!("{operator} {version}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alternatives_share_a_group() {
        let found =
            parse("libc6 (>= 2.36), default-mta | mail-transport-agent,\n python3:any (>=3.11~)", true);
        let found: Vec<_> = found
            .unwrap()
            .into_iter()
            .map(|r| (r.group, r.choice, r.target, r.qualifier, r.constraint))
            .collect();
        let text = |t: &str| t.to_owned();
        assert_eq!(
            found,
            [
                (1, 1, text("libc6"), None, Some(text(">= 2.36"))),
                (2, 1, text("default-mta"), None, None),
                (2, 2, text("mail-transport-agent"), None, None),
                (3, 1, text("python3"), Some(text("any")), Some(text(">= 3.11~"))),
            ]
        );
    }

    #[test]
    fn what_is_no_relation_is_returned() {
        for text in ["a b", "a (2)", "a (>= 2", "a (>= 2) x", "a [amd64]", "a: (= 1)"] {
            assert_eq!(parse(&format!("fine, {text}"), true), Err(text.to_owned()));
        }
        assert_eq!(parse("a | b", false), Err("a | b".to_owned()));
    }
}
