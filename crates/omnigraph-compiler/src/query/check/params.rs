//! Checks the declarations of parameters.

use super::super::ast::{Param, ParamKind};
use super::checker::Checker;
use crate::ir;
use crate::types::{Kind, Scalar, Type};

/// The parameter that carries the value of `now()`.
const NOW: &str = "__now";

impl Checker<'_> {
    /// Checks the declarations and makes the parameters known.
    pub(super) fn declare_params(&mut self, params: &[Param]) {
        for param in params {
            let name = &param.name.node;
            if self.param_names.contains_key(name) {
                self.error::<()>(param.name.span, format!("parameter `${name}` is declared twice"));
                continue;
            }
            let id = self.declare(param);
            self.param_names.insert(name.clone(), id);
        }
    }

    fn declare(&mut self, param: &Param) -> Option<ir::ParamId> {
        let name = &param.name.node;
        if name == NOW {
            return self.error(param.name.span, format!("parameter name `{NOW}` is reserved"));
        }
        if name == "_" {
            return self.error(param.name.span, "`$_` cannot be a parameter");
        }
        let kind = match &param.ty.node.kind {
            ParamKind::Scalar(name) => Kind::Scalar(self.scalar(name)?),
            ParamKind::List(name) => match self.scalar(name)? {
                Scalar::Blob => return self.error(name.span, "a list of Blob is not a parameter type"),
                scalar => Kind::List(scalar),
            },
            ParamKind::Vector(n) => match u32::try_from(n.node) {
                Ok(dimension @ 1..=0x7fff_ffff) => Kind::Vector(dimension),
                _ => {
                    let message = format!("Vector({}) is not a type: 1 to {} dimensions", n.node, i32::MAX);
                    return self.error(n.span, message);
                }
            },
        };
        let ty = Type { kind, nullable: param.ty.node.nullable };
        self.params.push(ir::Param { name: name.clone(), ty });
        Some(ir::ParamId(self.params.len() - 1))
    }

    fn scalar(&mut self, name: &super::super::ast::Name) -> Option<Scalar> {
        let found = Scalar::from_name(&name.node);
        if found.is_none() {
            self.error::<()>(name.span, format!("unknown parameter type `{}`", name.node));
            self.suggest(&name.node, Scalar::ALL.iter().map(|s| s.name()), "");
        }
        found
    }
}
