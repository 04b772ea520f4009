//! Match variables and the blocks in which they can be seen.

use std::collections::{HashMap, HashSet};

use crate::ir::{VarId, VarType, Variable};

/// What a visible name stands for.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Absent when the clause that introduced the name is wrong.
    id: Option<VarId>,
    /// Nesting of the block that introduced it.
    depth: usize,
}

/// One open block.
#[derive(Debug, Default)]
struct Block {
    /// Names that it introduced.
    names: Vec<String>,
    /// Names that closed blocks inside it introduced.
    inner_names: HashSet<String>,
    /// Whether one of its own clauses uses a variable of an enclosing block.
    uses_outer: bool,
}

/// All variables of a query, and those that can be seen at one point of it.
#[derive(Debug)]
pub(super) struct Scope {
    variables: Vec<Variable>,
    visible: HashMap<String, Entry>,
    /// The open `not` blocks inside the match block, which is the first entry.
    blocks: Vec<Block>,
    anonymous: usize,
}

impl Default for Scope {
    fn default() -> Scope {
        Scope { variables: Vec::new(), visible: HashMap::new(), blocks: vec![Block::default()], anonymous: 0 }
    }
}

/// What a name stands for at some point of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Lookup {
    /// Nothing is bound to it.
    Unbound,
    /// The clause that introduced it is wrong.
    Broken,
    /// A node of this type.
    Node(VarId, String),
    /// An edge of this type.
    Edge(VarId, String),
}

impl Scope {
    /// Finds a variable and notes its use.
    pub(super) fn find(&mut self, name: &str) -> Lookup {
        let Some(entry) = self.visible.get(name).copied() else {
            return Lookup::Unbound;
        };
        let depth = self.blocks.len();
        if entry.depth < depth {
            self.block().uses_outer = true;
        }
        let Some(id) = entry.id else {
            return Lookup::Broken;
        };
        match &self.variables[id.0].ty {
            VarType::Node(ty) => Lookup::Node(id, ty.clone()),
            VarType::Edge(ty) => Lookup::Edge(id, ty.clone()),
        }
    }

    /// Tells whether a variable can be seen, without noting a use.
    pub(super) fn sees(&self, name: &str) -> bool {
        self.visible.contains_key(name)
    }

    /// Tells whether a closed block inside the current one introduced this name.
    pub(super) fn was_inner(&self, name: &str) -> bool {
        self.blocks.last().is_some_and(|b| b.inner_names.contains(name))
    }

    /// Returns the names that can be seen.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.visible.keys().map(String::as_str)
    }

    /// Makes a new variable visible until the current block closes.
    pub(super) fn introduce(&mut self, name: &str, ty: VarType) -> VarId {
        let id = self.push(name.to_owned(), ty, false);
        self.show(name, Some(id));
        id
    }

    /// Makes a name visible whose type is not known.
    pub(super) fn introduce_broken(&mut self, name: &str) {
        self.show(name, None);
    }

    /// Makes a variable that no name reaches.
    pub(super) fn introduce_anonymous(&mut self, ty: VarType) -> VarId {
        let name = format!("_{}", self.anonymous);
        self.anonymous += 1;
        self.push(name, ty, true)
    }

    fn push(&mut self, name: String, ty: VarType, anonymous: bool) -> VarId {
        self.variables.push(Variable { name, ty, anonymous });
        VarId(self.variables.len() - 1)
    }

    fn show(&mut self, name: &str, id: Option<VarId>) {
        let depth = self.blocks.len();
        self.visible.insert(name.to_owned(), Entry { id, depth });
        self.block().names.push(name.to_owned());
    }

    fn block(&mut self) -> &mut Block {
        self.blocks.last_mut().expect("the match block is never closed")
    }

    /// Opens a `not` block.
    pub(super) fn enter(&mut self) {
        self.blocks.push(Block::default());
    }

    /// Closes a `not` block; tells whether its own clauses use a variable of an enclosing block.
    pub(super) fn leave(&mut self) -> bool {
        let block = self.blocks.pop().expect("every close follows an open");
        for name in &block.names {
            self.visible.remove(name);
        }
        let outer = self.block();
        outer.inner_names.extend(block.names);
        outer.inner_names.extend(block.inner_names);
        block.uses_outer
    }

    /// Returns all variables of all blocks.
    pub(super) fn into_variables(self) -> Vec<Variable> {
        self.variables
    }
}
