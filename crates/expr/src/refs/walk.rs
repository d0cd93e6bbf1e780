//! The walk over a syntax tree that gathers its references, with the names that the text itself binds.

use std::collections::BTreeSet;

use minijinja::machinery::ast::{Call, CallArg, Expr, Filter, Macro, Stmt};
use serde_json::Value as Json;

use super::{References, arg_expr, is_forgiving_filter, is_forgiving_test, path, start};
use crate::asked::{Asked, Constants, Need, Way, source_of};
use crate::env::{FUNCTIONS, IMPURE_FUNCTIONS, short};
use crate::lookups::Source;
use crate::rewrite::Dialect;

/// A walk over one text.
pub(super) struct Walk<'s> {
    constants: Constants<'s>,
    dialect: &'s Dialect<'s>,
    out: References,
    bound: Vec<BTreeSet<String>>,
    guards: BTreeSet<Vec<String>>,
}

impl<'s> Walk<'s> {
    pub(super) fn new(source: &'s str, dialect: &'s Dialect<'s>) -> Walk<'s> {
        Walk {
            constants: Constants { source, raw: false },
            dialect,
            out: References::default(),
            bound: Vec::new(),
            guards: BTreeSet::new(),
        }
    }

    pub(super) fn template(mut self, root: &Stmt<'_>) -> References {
        self.statement(root);
        self.finish()
    }

    pub(super) fn expression(mut self, root: &Expr<'_>) -> References {
        self.constants.raw = !self.dialect.escapes;
        self.expr(root, false);
        self.finish()
    }

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
            Stmt::EmitExpr(emit) => {
                self.constants.raw = !self.dialect.escapes;
                self.expr(&emit.expr, false);
                self.constants.raw = false;
            }
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
                self.filter(filter, filter.span().start_offset as usize);
                let forgiving = is_forgiving_filter(filter.name);
                filter.expr.iter().for_each(|e| self.expr(e, forgiving));
                self.args(&filter.args, forgiving);
            }
            Expr::Test(test) => {
                let terms = self.constants.value(&test.expr).map(|input| vec![input]);
                let offset = test.span().start_offset as usize;
                self.need((Way::Test, test.name), Need::of_test(test.name), &test.args, terms, offset);
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
                if matches!(var.id, "lookup" | "query" | "q") {
                    self.lookup(call, start(&call.expr));
                }
            }
            // The last attribute is the method's name, not a part of the variable.
            Expr::GetAttr(method) => self.expr(&method.expr, guarded),
            other => self.expr(other, false),
        }
        self.args(&call.args, false);
    }

    /// Notes what a filter needs besides its arguments, or what it applies to each item.
    fn filter(&mut self, filter: &Filter<'_>, offset: usize) {
        let input = filter.expr.as_ref().and_then(|input| self.constants.value(input));
        let terms = input.map(|input| vec![input]);
        self.need((Way::Filter, filter.name), Need::of_filter(filter.name), &filter.args, terms, offset);
        let (skipped, way, of): (usize, Way, fn(&str) -> Need) = match filter.name {
            "map" => (0, Way::Filter, Need::of_filter),
            "select" | "reject" => (0, Way::Test, Need::of_test),
            "selectattr" | "rejectattr" => (1, Way::Test, Need::of_test),
            _ => return,
        };
        let Some(CallArg::Pos(applied)) = filter.args.get(skipped) else { return };
        match self.constants.value(applied) {
            Some(Json::String(name)) => {
                self.need((way, &name), of(&name), &filter.args[skipped + 1..], None, offset);
            }
            Some(_) => {}
            None => self.ask(way, None, None, offset),
        }
    }

    fn need(
        &mut self,
        (way, name): (Way, &str),
        need: Need,
        args: &[CallArg<'_>],
        terms: Option<Vec<Json>>,
        offset: usize,
    ) {
        match need {
            _ if !need.arises(args) => {}
            Need::ClockUnless(..) => self.out.pure = false,
            _ => self.ask(way, Some(short(name)), terms, offset),
        }
    }

    fn ask(&mut self, way: Way, name: Option<&str>, terms: Option<Vec<Json>>, offset: usize) {
        self.out.pure = false;
        self.out.asks = true;
        let name = name.map(str::to_owned);
        self.out.asked.push(Asked { way, name, terms, offset });
    }

    fn lookup(&mut self, call: &Call<'_>, offset: usize) {
        let mut args = call.args.iter();
        let name = match args.next() {
            Some(CallArg::Pos(name)) => self.constants.text(name),
            _ => None,
        };
        let terms = self.constants.terms(args.as_slice());
        match source_of(name.as_deref()) {
            Source::Terms => {}
            Source::Outside => self.ask(Way::Lookup, name.as_deref().map(short), terms, offset),
            Source::Variables => self.named(name.as_deref().map(short), terms, call, offset),
        }
    }

    /// A lookup of variables: of those that it names, or of any.
    fn named(&mut self, name: Option<&str>, terms: Option<Vec<Json>>, call: &Call<'_>, offset: usize) {
        self.out.asks = true;
        match terms {
            Some(terms) if name == Some("vars") => {
                let guarded = call.args.iter().any(|arg| matches!(arg, CallArg::Kwarg("default", _)));
                for term in terms.iter().filter_map(Json::as_str) {
                    self.record(vec![term.to_owned()], offset, guarded);
                }
            }
            terms => {
                let name = name.map(str::to_owned);
                self.out.asked.push(Asked { way: Way::Lookup, name, terms, offset });
            }
        }
    }

    fn args(&mut self, args: &[CallArg<'_>], guarded: bool) {
        args.iter().for_each(|arg| self.expr(arg_expr(arg), guarded));
    }
}

fn path_roots(targets: &[Expr<'_>]) -> impl Iterator<Item = String> {
    targets.iter().filter_map(path).map(|mut path| path.swap_remove(0))
}

/// Binds in the present scope what the branches of an `if` set.
fn bind_sets(walk: &mut Walk<'_>, body: &[Stmt<'_>]) {
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
