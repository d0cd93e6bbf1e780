//! Which variables a text refers to, taken from its syntax tree: what a plan checks before anything runs.

use std::collections::{BTreeMap, BTreeSet};

use minijinja::machinery::ast::{Call, CallArg, Expr, Macro, Stmt};

use crate::env::{FUNCTIONS, IMPURE_FILTERS, IMPURE_FUNCTIONS};
use crate::literals::BLOT;

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
    /// False when the result depends on more than the variables: the text calls `now()` or the like.
    pub pure: bool,
    offsets: BTreeMap<String, usize>,
}

impl Default for References {
    fn default() -> References {
        References {
            names: BTreeSet::new(),
            paths: BTreeSet::new(),
            guarded: BTreeSet::new(),
            pure: true,
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
        for (name, offset) in &other.offsets {
            self.offsets.entry(name.clone()).or_insert(*offset);
        }
    }

    /// Moves the offsets, for a text that was cut out of a longer one.
    pub(crate) fn shift(mut self, by: usize) -> References {
        self.offsets.values_mut().for_each(|offset| *offset += by);
        self
    }

    /// Takes the references out of a whole template.
    pub(crate) fn of_template(root: &Stmt<'_>) -> References {
        let mut walk = Walk::default();
        walk.statement(root);
        walk.finish()
    }

    /// Takes the references out of an expression.
    pub(crate) fn of_expression(root: &Expr<'_>) -> References {
        let mut walk = Walk::default();
        walk.expr(root, false);
        walk.finish()
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

/// The walk over the tree, with the names that the text itself binds.
#[derive(Default)]
struct Walk {
    out: References,
    bound: Vec<BTreeSet<String>>,
    guards: BTreeSet<Vec<String>>,
}

impl Walk {
    fn finish(mut self) -> References {
        let guarded =
            |path: &&Vec<String>| (1..=path.len()).any(|parts| self.guards.contains(&path[..parts]));
        self.out.guarded = self.out.paths.iter().filter(guarded).map(|path| path.join(".")).collect();
        self.out
    }

    fn is_bound(&self, name: &str) -> bool {
        self.bound.iter().any(|names| names.contains(name))
    }

    fn bind(&mut self, name: &str) {
        match self.bound.last_mut() {
            Some(names) => names.insert(name.to_owned()),
            None => false,
        };
    }

    fn bind_target(&mut self, target: &Expr<'_>) {
        match target {
            Expr::Var(var) => self.bind(var.id),
            Expr::List(list) => list.items.iter().for_each(|item| self.bind_target(item)),
            _ => {}
        }
    }

    fn record(&mut self, path: Vec<String>, offset: usize, guarded: bool) {
        if self.is_bound(&path[0]) || path[0] == "omit" {
            return;
        }
        if guarded {
            self.guards.insert(path.clone());
        }
        let name = path.join(".");
        let first = self.out.offsets.entry(name.clone()).or_insert(offset);
        *first = offset.min(*first);
        self.out.names.insert(name);
        self.out.paths.insert(path);
    }

    /// Walks statements in a scope of their own.
    fn block(&mut self, names: &[&Expr<'_>], body: &[Stmt<'_>]) {
        self.bound.push(BTreeSet::new());
        names.iter().for_each(|target| self.bind_target(target));
        body.iter().for_each(|statement| self.statement(statement));
        self.bound.pop();
    }

    fn statement(&mut self, statement: &Stmt<'_>) {
        match statement {
            Stmt::Template(template) => self.block(&[], &template.children),
            Stmt::EmitExpr(emit) => self.expr(&emit.expr, false),
            Stmt::ForLoop(each) => {
                self.expr(&each.iter, false);
                self.bound.push(BTreeSet::from(["loop".to_owned()]));
                self.bind_target(&each.target);
                if let Some(filter) = &each.filter_expr {
                    self.expr(filter, false);
                }
                self.block(&[], &each.body);
                self.bound.pop();
                self.block(&[], &each.else_body);
            }
            Stmt::IfCond(cond) => {
                self.expr(&cond.expr, false);
                // A branch opens no scope in Jinja; but a name set in one branch only may come from outside.
                self.block(&[], &cond.true_body);
                self.block(&[], &cond.false_body);
                bind_sets(self, &cond.true_body);
                bind_sets(self, &cond.false_body);
            }
            Stmt::WithBlock(with) => {
                with.assignments.iter().for_each(|(_, value)| self.expr(value, false));
                let targets: Vec<&Expr<'_>> = with.assignments.iter().map(|(target, _)| target).collect();
                self.block(&targets, &with.body);
            }
            Stmt::Set(set) => {
                self.expr(&set.expr, false);
                self.bind_target(&set.target);
            }
            Stmt::SetBlock(set) => {
                self.block(&[], &set.body);
                if let Some(filter) = &set.filter {
                    self.expr(filter, false);
                }
                self.bind_target(&set.target);
            }
            Stmt::FilterBlock(filter) => {
                self.expr(&filter.filter, false);
                self.block(&[], &filter.body);
            }
            Stmt::Macro(declaration) => {
                self.bind(declaration.name);
                self.macro_body(declaration);
            }
            Stmt::CallBlock(call) => {
                self.call(&call.call, false);
                self.macro_body(&call.macro_decl);
            }
            Stmt::Do(call) => self.call(&call.call, false),
            _ => {}
        }
    }

    fn macro_body(&mut self, declaration: &Macro<'_>) {
        declaration.defaults.iter().for_each(|value| self.expr(value, false));
        let mut names: BTreeSet<String> = ["caller", "varargs", "kwargs"].map(str::to_owned).into();
        names.extend(path_roots(&declaration.args));
        self.bound.push(names);
        self.block(&[], &declaration.body);
        self.bound.pop();
    }

    fn expr(&mut self, expr: &Expr<'_>, guarded: bool) {
        if let Some(path) = path(expr) {
            return self.record(path, start(expr), guarded);
        }
        match expr {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::GetAttr(get) => self.expr(&get.expr, guarded),
            Expr::GetItem(get) => {
                self.expr(&get.expr, guarded);
                self.expr(&get.subscript_expr, false);
            }
            Expr::Slice(slice) => {
                self.expr(&slice.expr, false);
                [&slice.start, &slice.stop, &slice.step]
                    .into_iter()
                    .flatten()
                    .for_each(|e| self.expr(e, false));
            }
            Expr::UnaryOp(op) => self.expr(&op.expr, false),
            Expr::BinOp(op) => {
                self.expr(&op.left, false);
                self.expr(&op.right, false);
            }
            Expr::Compare(compare) => {
                self.expr(&compare.expr, false);
                compare.ops.iter().for_each(|op| self.expr(&op.expr, false));
            }
            Expr::IfExpr(cond) => {
                self.expr(&cond.test_expr, false);
                self.expr(&cond.true_expr, guarded);
                cond.false_expr.iter().for_each(|e| self.expr(e, guarded));
            }
            Expr::Filter(filter) => {
                self.out.pure &= !IMPURE_FILTERS.contains(&filter.name);
                let forgiving = is_forgiving_filter(filter.name);
                filter.expr.iter().for_each(|e| self.expr(e, forgiving));
                self.args(&filter.args, forgiving);
            }
            Expr::Test(test) => {
                self.expr(&test.expr, is_forgiving_test(test.name));
                self.args(&test.args, false);
            }
            Expr::Call(call) => self.call(call, guarded),
            Expr::List(list) => list.items.iter().for_each(|e| self.expr(e, false)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|e| self.expr(e, false)),
            Expr::Map(map) => map.keys.iter().chain(&map.values).for_each(|e| self.expr(e, false)),
        }
    }

    fn call(&mut self, call: &Call<'_>, guarded: bool) {
        match &call.expr {
            Expr::Var(var) if !self.is_bound(var.id) && FUNCTIONS.contains(&var.id) => {
                self.out.pure &= !IMPURE_FUNCTIONS.contains(&var.id);
            }
            // The last attribute is the method's name, not a part of the variable.
            Expr::GetAttr(method) => self.expr(&method.expr, guarded),
            other => self.expr(other, false),
        }
        self.args(&call.args, false);
    }

    fn args(&mut self, args: &[CallArg<'_>], guarded: bool) {
        args.iter().for_each(|arg| self.expr(arg_expr(arg), guarded));
    }
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

fn path_roots(targets: &[Expr<'_>]) -> impl Iterator<Item = String> {
    targets.iter().filter_map(path).map(|mut path| path.swap_remove(0))
}

/// Binds in the present scope what the branches of an `if` set.
fn bind_sets(walk: &mut Walk, body: &[Stmt<'_>]) {
    for statement in body {
        match statement {
            Stmt::Set(set) => walk.bind_target(&set.target),
            Stmt::SetBlock(set) => walk.bind_target(&set.target),
            Stmt::Macro(declaration) => walk.bind(declaration.name),
            Stmt::IfCond(cond) => {
                bind_sets(walk, &cond.true_body);
                bind_sets(walk, &cond.false_body);
            }
            _ => {}
        }
    }
}
