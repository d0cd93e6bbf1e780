//! Which variables a text refers to, taken from its syntax tree: what a plan checks before anything runs.

mod walk;

use std::collections::{BTreeMap, BTreeSet};

use minijinja::machinery::ast::{CallArg, Expr, Stmt};

use crate::asked::Asked;
use crate::literals::BLOT;
use crate::rewrite::Dialect;

use walk::Walk;

/// The variables that a text refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct References {
    /// Dotted paths, as far as the text alone tells them: `tasks.compile.outputs.sha`, `version`, `env.HOME`.
    /// A subscript with a fixed string counts as a part (`tasks['a-b'].output` is `tasks.a-b.output`).
    pub names: BTreeSet<String>,
    /// The same paths in parts, for names that contain dots themselves.
    pub paths: BTreeSet<Vec<String>>,
    /// Those of `names` that may well be undefined, since the text asks (`is defined`) or provides for it
    /// (`default`), for the name or for a part of it.
    pub guarded: BTreeSet<String>,
    /// False when the result depends on more than the variables: the text calls `now()`, looks up a file, or
    /// the like.
    pub pure: bool,
    /// What the text asks for besides the variables that it names, in the order of the text. A question that a
    /// looked-up template asks in turn is not known before it is read.
    pub asked: Vec<Asked>,
    /// Whether an evaluation must know where it stands.
    pub(crate) asks: bool,
    offsets: BTreeMap<String, usize>,
}

impl Default for References {
    fn default() -> References {
        References {
            names: BTreeSet::new(),
            paths: BTreeSet::new(),
            guarded: BTreeSet::new(),
            pure: true,
            asked: Vec::new(),
            asks: false,
            offsets: BTreeMap::new(),
        }
    }
}

impl References {
    /// Where in the source text a name of [`References::names`] is first used, as a byte offset.
    pub fn offset(&self, name: &str) -> Option<usize> {
        self.offsets.get(name).copied()
    }

    /// Whether the text refers to the variable `root` or to anything below it.
    pub fn mentions(&self, root: &str) -> bool {
        self.paths.iter().any(|path| path[0] == root)
    }

    /// Adds the references of another text. Offsets stay those of the text that used a name first.
    pub fn merge(&mut self, other: &References) {
        let guarded_by_both = |name: &String| {
            (self.guarded.contains(name) || !self.names.contains(name))
                && (other.guarded.contains(name) || !other.names.contains(name))
        };
        self.guarded =
            self.guarded.union(&other.guarded).filter(|name| guarded_by_both(name)).cloned().collect();
        self.names.extend(other.names.iter().cloned());
        self.paths.extend(other.paths.iter().cloned());
        self.pure &= other.pure;
        self.asks |= other.asks;
        self.asked.extend(other.asked.iter().cloned());
        for (name, offset) in &other.offsets {
            self.offsets.entry(name.clone()).or_insert(*offset);
        }
    }

    /// Moves the offsets, for a text that was cut out of a longer one.
    pub(crate) fn shift(mut self, by: usize) -> References {
        self.offsets.values_mut().for_each(|offset| *offset += by);
        self.asked.iter_mut().for_each(|asked| asked.offset += by);
        self
    }

    /// Takes the references out of a whole template.
    pub(crate) fn of_template(root: &Stmt<'_>, source: &str, dialect: &Dialect<'_>) -> References {
        Walk::new(source, dialect).template(root)
    }

    /// Takes the references out of an expression.
    pub(crate) fn of_expression(root: &Expr<'_>, source: &str, dialect: &Dialect<'_>) -> References {
        Walk::new(source, dialect).expression(root)
    }
}

/// The path that a chain of attributes and fixed subscripts spells, if the expression is such a chain.
pub(crate) fn path(expr: &Expr<'_>) -> Option<Vec<String>> {
    match expr {
        Expr::Var(var) => Some(vec![var.id.to_owned()]),
        Expr::GetAttr(get) => extend(path(&get.expr)?, get.name),
        Expr::GetItem(get) => match &get.subscript_expr {
            // A key that the engine cannot read is no part of a name.
            Expr::Const(key) => {
                extend(path(&get.expr)?, key.value.as_str().filter(|key| !key.contains(BLOT))?)
            }
            _ => None,
        },
        _ => None,
    }
}

/// Where an expression starts in the source. The span of a chain starts at its last link but one.
pub(crate) fn start(expr: &Expr<'_>) -> usize {
    match expr {
        Expr::GetAttr(get) => start(&get.expr),
        Expr::GetItem(get) => start(&get.expr),
        Expr::Slice(slice) => start(&slice.expr),
        Expr::Call(call) => start(&call.expr),
        Expr::BinOp(op) => start(&op.left),
        Expr::Compare(compare) => start(&compare.expr),
        Expr::Test(test) => start(&test.expr),
        Expr::IfExpr(cond) => start(&cond.true_expr),
        Expr::Filter(filter) => match &filter.expr {
            Some(inner) => start(inner),
            None => expr.span().start_offset as usize,
        },
        _ => expr.span().start_offset as usize,
    }
}

fn extend(mut path: Vec<String>, part: &str) -> Option<Vec<String>> {
    path.push(part.to_owned());
    Some(path)
}

/// The expression of an argument, however it is passed.
pub(crate) fn arg_expr<'a, 's>(arg: &'a CallArg<'s>) -> &'a Expr<'s> {
    match arg {
        CallArg::Pos(e) | CallArg::Kwarg(_, e) | CallArg::PosSplat(e) | CallArg::KwargSplat(e) => e,
    }
}

/// Filters that take an undefined value.
pub(crate) fn is_forgiving_filter(name: &str) -> bool {
    matches!(name, "default" | "d" | "mandatory" | "ternary" | "type_debug")
}

/// Tests that take an undefined value.
pub(crate) fn is_forgiving_test(name: &str) -> bool {
    matches!(name, "defined" | "undefined")
}
