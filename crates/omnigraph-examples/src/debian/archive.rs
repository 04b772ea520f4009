//! An archive: all versions of all packages in the lists that were read.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::control::Stanzas;
use super::package::{PackageVersion, split_description};
use super::relation::RelationKind;
use super::version::compare;
use crate::error::ConvertError;
use crate::input::Lines;

/// The packages of one or more lists.
#[derive(Debug, Default)]
pub struct Archive {
    /// Versions by package: the newest first, and of equal versions the first architecture by name.
    pub(super) packages: BTreeMap<String, Vec<PackageVersion>>,
}

impl Archive {
    /// Adds a package list. A version that is known already is skipped.
    pub fn read_packages(&mut self, lines: Lines) -> Result<(), ConvertError> {
        for stanza in Stanzas::new(lines) {
            self.add(PackageVersion::read(&stanza?)?);
        }
        Ok(())
    }

    /// Takes long descriptions from a translation list.
    pub fn read_translations(&mut self, lines: Lines) -> Result<(), ConvertError> {
        let mut texts: HashMap<String, String> = HashMap::new();
        for stanza in Stanzas::new(lines) {
            let stanza = stanza?;
            let text = stanza.require("Description-en")?;
            if let (_, Some(long)) = split_description(text) {
                texts.insert(stanza.require("Description-md5")?.to_owned(), long);
            }
        }
        for version in self.packages.values_mut().flatten().filter(|v| v.description.is_none()) {
            version.description = version.description_md5.as_ref().and_then(|md5| texts.get(md5)).cloned();
        }
        Ok(())
    }

    fn add(&mut self, added: PackageVersion) {
        let versions = self.packages.entry(added.package.clone()).or_default();
        let found = versions.binary_search_by(|v| {
            compare(&added.version, &v.version)
                .then_with(|| v.architecture.cmp(&added.architecture))
                // Equal versions may be spelled differently (`1.0` and `1.00`); both are kept.
                .then_with(|| v.version.cmp(&added.version))
        });
        if let Err(index) = found {
            versions.insert(index, added);
        }
    }

    /// The newest version of a package.
    pub(super) fn newest(&self, package: &str) -> Option<&PackageVersion> {
        self.packages.get(package).and_then(|versions| versions.first())
    }

    /// Who provides what, by provided name.
    pub(super) fn providers(&self) -> BTreeMap<&str, BTreeSet<&str>> {
        let mut providers: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for newest in self.packages.values().filter_map(|v| v.first()) {
            for (_, relation) in newest.related(&[RelationKind::Provides]) {
                providers.entry(&relation.target).or_default().insert(&newest.package);
            }
        }
        providers
    }
}
