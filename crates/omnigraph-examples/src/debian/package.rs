//! One stanza of a package list: one version of a package for one architecture.

use super::control::Stanza;
use super::relation::{self, Relation, RelationKind};
use crate::error::{ConvertError, Problem};

const PRIORITIES: [&str; 5] = ["required", "important", "standard", "optional", "extra"];
const MULTI_ARCH: [&str; 4] = ["no", "same", "foreign", "allowed"];

/// What a package list says about one version of a package.
#[derive(Clone, Debug, Default)]
pub struct PackageVersion {
    /// Name of the package.
    pub package: String,
    /// Version number.
    pub version: String,
    /// Architecture, or `all`.
    pub architecture: String,
    /// Name of the source package.
    pub source: String,
    /// Version of the source package.
    pub source_version: String,
    /// Section, with its area in front unless that is `main`.
    pub section: Option<String>,
    /// One of the five priorities.
    pub priority: Option<&'static str>,
    /// Whether a system needs it.
    pub essential: bool,
    /// How packages of other architectures may depend on it.
    pub multi_arch: Option<&'static str>,
    /// `Name <address>`.
    pub maintainer: Option<String>,
    /// One line.
    pub summary: Option<String>,
    /// Paragraphs, where the list has them.
    pub description: Option<String>,
    /// Names the paragraphs in translation lists.
    pub description_md5: Option<String>,
    /// Address of the project.
    pub homepage: Option<String>,
    /// Installed size in KiB.
    pub installed_kib: Option<i64>,
    /// Size of the package file in bytes.
    pub download_bytes: Option<i64>,
    /// Debtags, sorted.
    pub tags: Vec<String>,
    /// Relations by kind, in the order of [`RelationKind::ALL`].
    pub relations: Vec<(RelationKind, Vec<Relation>)>,
}

impl PackageVersion {
    /// Reads a stanza.
    pub fn read(stanza: &Stanza) -> Result<Self, ConvertError> {
        let package = stanza.require("Package")?;
        let version = stanza.require("Version")?;
        let (source, source_version) = match stanza.get("Source") {
            None => (package, version),
            Some(source) => match source.split_once('(') {
                None => (source, version),
                Some((name, rest)) => (name.trim(), rest.trim_end_matches(')').trim()),
            },
        };
        let text = |name| stanza.get(name).filter(|v| !v.is_empty()).map(str::to_owned);
        let (summary, description) = match stanza.get("Description").or_else(|| stanza.get("Description-en"))
        {
            None => (None, None),
            Some(text) => split_description(text),
        };
        let mut tags: Vec<String> = stanza
            .get("Tag")
            .into_iter()
            .flat_map(|t| t.split(','))
            .map(|t| t.trim().to_owned())
            .filter(|t| !t.is_empty())
            .collect();
        tags.sort();
        tags.dedup();
        Ok(Self {
            package: package.to_owned(),
            version: version.to_owned(),
            architecture: stanza.require("Architecture")?.to_owned(),
            source: source.to_owned(),
            source_version: source_version.to_owned(),
            section: text("Section"),
            priority: one_of(stanza, "Priority", &PRIORITIES)?,
            essential: stanza.get("Essential") == Some("yes"),
            multi_arch: one_of(stanza, "Multi-Arch", &MULTI_ARCH)?,
            maintainer: text("Maintainer"),
            summary,
            description,
            description_md5: text("Description-md5"),
            homepage: text("Homepage"),
            installed_kib: stanza.number("Installed-Size")?,
            download_bytes: stanza.number("Size")?,
            tags,
            relations: relations(stanza)?,
        })
    }

    /// Every relation of these kinds, in the order written.
    pub fn related<'a>(
        &'a self,
        kinds: &'a [RelationKind],
    ) -> impl Iterator<Item = (RelationKind, &'a Relation)> {
        let fields = self.relations.iter().filter(|(kind, _)| kinds.contains(kind));
        fields.flat_map(|(kind, relations)| relations.iter().map(|r| (*kind, r)))
    }
}

fn relations(stanza: &Stanza) -> Result<Vec<(RelationKind, Vec<Relation>)>, ConvertError> {
    let mut fields = Vec::new();
    for kind in RelationKind::ALL {
        let Some(value) = stanza.get(kind.field()) else { continue };
        let field = kind.field();
        let relations = relation::parse(value, kind.has_alternatives())
            .map_err(|found| stanza.malformed(field, Problem::NotARelation { field, found }))?;
        fields.push((kind, relations));
    }
    Ok(fields)
}

fn one_of(
    stanza: &Stanza,
    field: &'static str,
    known: &[&'static str],
) -> Result<Option<&'static str>, ConvertError> {
    let Some(found) = stanza.get(field) else { return Ok(None) };
    match known.iter().find(|k| **k == found) {
        Some(value) => Ok(Some(value)),
        None => Err(stanza.malformed(field, Problem::UnknownValue { what: field, found: found.to_owned() })),
    }
}

/// Splits a description into its first line and the paragraphs, in which `.` alone marks an empty line.
pub(super) fn split_description(text: &str) -> (Option<String>, Option<String>) {
    let (summary, rest) = text.split_once('\n').unwrap_or((text, ""));
    let lines: Vec<&str> = rest.lines().map(|l| if l.trim() == "." { "" } else { l }).collect();
    let rest = lines.join("\n").trim_end().to_owned();
    let some = |t: String| if t.is_empty() { None } else { Some(t) };
    (some(summary.trim().to_owned()), some(rest))
}
