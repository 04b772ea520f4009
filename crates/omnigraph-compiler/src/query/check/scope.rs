//! The scope: match variables and the blocks in which they can be seen.

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

/// What opened a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BlockKind {
    /// `match { … }`, the outermost one.
    Match,
    /// `not { … }`: what it introduces is local.
    Negation,
    /// `optional { … }`: what it introduces stays visible, as optional variables.
    Optional,
}

/// One open block.
#[derive(Debug)]
struct Block {
    kind: BlockKind,
    /// Names that it introduced, and those that closed `optional` blocks inside it introduced.
    names: Vec<String>,
    /// Variables that it introduced itself.
    variables: Vec<VarId>,
    /// Names that closed `not` blocks inside it introduced.
    inner_names: HashSet<String>,
    /// Whether one of its own clauses uses a variable of an enclosing block.
    uses_outer: bool,
}

impl Block {
    fn new(kind: BlockKind) -> Block {
        Block {
            kind,
            names: Vec::new(),
            variables: Vec::new(),
            inner_names: HashSet::new(),
            uses_outer: false,
        }
    }
}

/// All variables of a query, and those that can be seen at one point of it.
#[derive(Debug)]
pub(super) struct Scope {
    variables: Vec<Variable>,
    visible: HashMap<String, Entry>,
    /// The open blocks; the match block is the first entry.
    blocks: Vec<Block>,
    anonymous: usize,
}

impl Default for Scope {
    fn default() -> Scope {
        Scope {
            variables: Vec::new(),
            visible: HashMap::new(),
            blocks: vec![Block::new(BlockKind::Match)],
            anonymous: 0,
        }
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
    /// A path along edges of this type.
    Path(VarId, String),
}

impl Lookup {
    /// Returns the variable, if one is known.
    pub(super) fn id(&self) -> Option<VarId> {
        match self {
            Lookup::Unbound | Lookup::Broken => None,
            Lookup::Node(id, _) | Lookup::Edge(id, _) | Lookup::Path(id, _) => Some(*id),
        }
    }
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
            VarType::Path { edge } => Lookup::Path(id, edge.clone()),
        }
    }

    /// Tells whether a variable can be seen, without noting a use.
    pub(super) fn sees(&self, name: &str) -> bool {
        self.visible.contains_key(name)
    }

    /// Tells whether a name is local to a closed `not` block that stands beside the current clause: in the current
    /// block or, as what an `optional` block introduces is visible outside, in the one around it.
    pub(super) fn was_inner(&self, name: &str) -> bool {
        for block in self.blocks.iter().rev() {
            if block.inner_names.contains(name) {
                return true;
            }
            if block.kind != BlockKind::Optional {
                break;
            }
        }
        false
    }

    /// Tells whether a variable belongs to an `optional` block that is closed, so that it may be null.
    pub(super) fn is_optional(&self, id: VarId) -> bool {
        self.variables[id.0].optional
    }

    /// Tells whether the current clause stands in a `not` block, however deep.
    pub(super) fn in_negation(&self) -> bool {
        self.blocks.iter().any(|b| b.kind == BlockKind::Negation)
    }

    /// Returns the kind of the current block.
    pub(super) fn block_kind(&self) -> BlockKind {
        self.blocks.last().map_or(BlockKind::Match, |b| b.kind)
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
        self.variables.push(Variable { name, ty, anonymous, optional: false });
        let id = VarId(self.variables.len() - 1);
        self.block().variables.push(id);
        id
    }

    fn show(&mut self, name: &str, id: Option<VarId>) {
        let depth = self.blocks.len();
        self.visible.insert(name.to_owned(), Entry { id, depth });
        self.block().names.push(name.to_owned());
    }

    fn block(&mut self) -> &mut Block {
        self.blocks.last_mut().expect("the match block is never closed")
    }

    /// Opens a block inside the current one.
    pub(super) fn enter(&mut self, kind: BlockKind) {
        self.blocks.push(Block::new(kind));
    }

    /// Closes a block; tells whether its own clauses use a variable of an enclosing block.
    pub(super) fn leave(&mut self) -> bool {
        let block = self.blocks.pop().expect("every close follows an open");
        let depth = self.blocks.len();
        if block.kind == BlockKind::Optional {
            for name in &block.names {
                if let Some(entry) = self.visible.get_mut(name) {
                    entry.depth = depth;
                }
            }
            for id in &block.variables {
                self.variables[id.0].optional = true;
            }
            self.block().names.extend(block.names);
        } else {
            for name in &block.names {
                self.visible.remove(name);
            }
            self.block().inner_names.extend(block.names);
        }
        self.block().inner_names.extend(block.inner_names);
        block.uses_outer
    }

    /// Returns all variables of all blocks.
    pub(super) fn into_variables(self) -> Vec<Variable> {
        self.variables
    }
}
