//! Writes a syntax tree back as source for the engine, with the operations that we do differently replaced.
//!
//! The engine's own operators know no [meter](crate::meter) and treat `a.b.c` as an error as soon as `a.b`
//! is undefined, where people expect `a.b.c | default(1)` to work. So operators become filters of ours
//! (`a + b` → `a|op.add(b)`), chains under `default` and `is defined` become forgiving look-ups, and
//! literal text becomes output that is metered. A list of marks leads from the new text back to the old.

use std::borrow::Cow;

use minijinja::Value;
use minijinja::machinery::Span;
use minijinja::machinery::ast::{BinOpKind, Call, CallArg, CompareOpKind, Expr, Macro, Stmt, UnaryOpKind};
use minijinja::value::ValueKind;

use crate::env::Known;
use crate::error::Error;
use crate::refs::{is_forgiving_filter, is_forgiving_test, path};

/// The new source, and the way back to the old one.
#[derive(Debug, Default)]
pub(crate) struct Rewritten {
    /// What the engine compiles.
    pub source: String,
    marks: Vec<(usize, usize)>,
}

impl Rewritten {
    /// The offset in the old source for one in the new.
    pub(crate) fn original(&self, offset: usize) -> Option<usize> {
        let after = self.marks.partition_point(|(new, _)| *new <= offset);
        self.marks.get(after.checked_sub(1)?).map(|(_, old)| *old)
    }
}

/// In what the texts of documents differ from template files.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dialect<'a> {
    /// Whether a backslash in a string is an escape. In a document it is not, as in Ansible: `'\1'` are two
    /// signs there, so that patterns need no doubling. In a file, `'\n'` is a newline.
    pub escapes: bool,
    /// What a newline of the text becomes.
    pub newline: &'a str,
}

impl Dialect<'_> {
    /// The dialect of documents.
    pub(crate) const DOCUMENT: Dialect<'static> = Dialect { escapes: false, newline: "\n" };

    /// A literal part of the text with its newlines as they are wanted.
    pub(crate) fn newlines<'t>(&self, text: &'t str) -> Cow<'t, str> {
        if self.newline == "\n" && !text.contains('\r') {
            return Cow::Borrowed(text);
        }
        text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', self.newline).into()
    }
}

/// Rewrites a bare expression.
pub(crate) fn expression(source: &str, expr: &Expr<'_>, dialect: &Dialect<'_>) -> Result<Rewritten, Error> {
    let mut writer = Writer::new(source, dialect);
    writer.expr(expr)?;
    Ok(writer.out)
}

/// Rewrites a template. The flag says whether it writes only to its end: no block, macro or filter catches
/// what is written.
pub(crate) fn template(
    source: &str,
    root: &Stmt<'_>,
    dialect: &Dialect<'_>,
) -> Result<(Rewritten, bool), Error> {
    let mut writer = Writer::new(source, dialect);
    writer.statement(root)?;
    Ok((writer.out, !writer.catches))
}

struct Writer<'s> {
    source: &'s str,
    dialect: &'s Dialect<'s>,
    out: Rewritten,
    /// Whether a part of the text catches what is written in it.
    catches: bool,
    /// Names that the text may call besides the functions: its macros and variables.
    callable: Vec<String>,
}

type Done = Result<(), Error>;

impl<'s> Writer<'s> {
    fn new(source: &'s str, dialect: &'s Dialect<'s>) -> Writer<'s> {
        let callable = vec!["loop".to_owned(), "caller".to_owned()];
        Writer { source, dialect, out: Rewritten::default(), catches: false, callable }
    }

    fn put(&mut self, text: &str) {
        self.out.source.push_str(text);
    }

    fn mark(&mut self, span: Span) {
        self.out.marks.push((self.out.source.len(), span.start_offset as usize));
    }

    fn body(&mut self, body: &[Stmt<'_>]) -> Done {
        body.iter().try_for_each(|statement| self.statement(statement))
    }

    /// `{% head` … the caller writes the rest of the tag.
    fn tag(&mut self, head: &str) {
        self.put("{% ");
        self.put(head);
        self.put(" ");
    }

    fn end_tag(&mut self) {
        self.put(" %}");
    }

    fn close(&mut self, name: &str) {
        self.tag(name);
        self.end_tag();
    }

    fn statement(&mut self, statement: &Stmt<'_>) -> Done {
        match statement {
            Stmt::Template(template) => self.body(&template.children)?,
            Stmt::EmitRaw(raw) if raw.raw.is_empty() => {}
            Stmt::EmitRaw(raw) => {
                self.put("{{ ");
                self.string(&self.dialect.newlines(raw.raw));
                self.put(" }}");
            }
            Stmt::EmitExpr(emit) => {
                self.put("{{ ");
                self.expr(&emit.expr)?;
                self.put(" }}");
            }
            Stmt::ForLoop(each) => {
                self.tag("for");
                self.target(&each.target)?;
                self.put(" in ");
                self.expr(&each.iter)?;
                if let Some(filter) = &each.filter_expr {
                    self.put(" if ");
                    self.expr(filter)?;
                }
                if each.recursive {
                    self.put(" recursive");
                }
                self.end_tag();
                self.body(&each.body)?;
                self.otherwise(&each.else_body)?;
                self.close("endfor");
            }
            Stmt::IfCond(cond) => {
                self.tag("if");
                self.expr(&cond.expr)?;
                self.end_tag();
                self.body(&cond.true_body)?;
                self.otherwise(&cond.false_body)?;
                self.close("endif");
            }
            Stmt::WithBlock(with) => {
                self.tag("with");
                for (index, (target, value)) in with.assignments.iter().enumerate() {
                    self.comma(index);
                    self.grouped_target(target)?;
                    self.put(" = ");
                    self.expr(value)?;
                }
                self.end_tag();
                self.body(&with.body)?;
                self.close("endwith");
            }
            Stmt::Set(set) => {
                self.tag("set");
                self.target(&set.target)?;
                self.put(" = ");
                self.expr(&set.expr)?;
                self.end_tag();
            }
            Stmt::SetBlock(set) => {
                self.catches = true;
                self.tag("set");
                self.target(&set.target)?;
                if let Some(filter) = &set.filter {
                    self.put(" | ");
                    self.filter_chain(filter)?;
                }
                self.end_tag();
                self.body(&set.body)?;
                self.close("endset");
            }
            Stmt::FilterBlock(block) => {
                self.catches = true;
                self.tag("filter");
                self.filter_chain(&block.filter)?;
                self.end_tag();
                self.body(&block.body)?;
                self.close("endfilter");
            }
            Stmt::Macro(declaration) => {
                self.catches = true;
                self.callable.push(declaration.name.to_owned());
                self.tag("macro");
                self.put(declaration.name);
                self.macro_rest(declaration, "endmacro")?;
            }
            Stmt::CallBlock(block) => {
                self.catches = true;
                self.put("{% call(");
                self.parameters(&block.macro_decl)?;
                self.put(") ");
                self.call(&block.call)?;
                self.end_tag();
                self.body(&block.macro_decl.body)?;
                self.close("endcall");
            }
            Stmt::Do(block) => {
                self.tag("do");
                self.call(&block.call)?;
                self.end_tag();
            }
            Stmt::Continue(_) => self.close("continue"),
            Stmt::Break(_) => self.close("break"),
            Stmt::AutoEscape(tag) => return Err(unsupported("autoescape", tag.span())),
            Stmt::Block(tag) => return Err(unsupported("block", tag.span())),
            Stmt::Import(tag) => return Err(unsupported("import", tag.span())),
            Stmt::FromImport(tag) => return Err(unsupported("import", tag.span())),
            Stmt::Extends(tag) => return Err(unsupported("extends", tag.span())),
            Stmt::Include(tag) => return Err(unsupported("include", tag.span())),
        }
        Ok(())
    }

    fn otherwise(&mut self, body: &[Stmt<'_>]) -> Done {
        if !body.is_empty() {
            self.close("else");
            self.body(body)?;
        }
        Ok(())
    }

    fn comma(&mut self, index: usize) {
        if index > 0 {
            self.put(", ");
        }
    }

    /// The left side of an assignment.
    fn target(&mut self, target: &Expr<'_>) -> Done {
        match target {
            Expr::List(list) if list.items.len() == 1 => {
                self.put("(");
                self.grouped_target(&list.items[0])?;
                self.put(",)");
                Ok(())
            }
            Expr::List(list) => list.items.iter().enumerate().try_for_each(|(index, item)| {
                self.comma(index);
                self.grouped_target(item)
            }),
            Expr::Var(var) => {
                self.callable.push(var.id.to_owned());
                self.expr(target)
            }
            _ => self.expr(target),
        }
    }

    fn grouped_target(&mut self, target: &Expr<'_>) -> Done {
        let group = matches!(target, Expr::List(list) if list.items.len() > 1);
        self.put(if group { "(" } else { "" });
        self.target(target)?;
        self.put(if group { ")" } else { "" });
        Ok(())
    }

    fn macro_rest(&mut self, declaration: &Macro<'_>, end: &str) -> Done {
        self.put("(");
        self.parameters(declaration)?;
        self.put(")");
        self.end_tag();
        self.callable.push("caller".to_owned());
        self.body(&declaration.body)?;
        self.close(end);
        Ok(())
    }

    fn parameters(&mut self, declaration: &Macro<'_>) -> Done {
        let required = declaration.args.len() - declaration.defaults.len();
        for (index, parameter) in declaration.args.iter().enumerate() {
            self.comma(index);
            self.target(parameter)?;
            if let Some(default) = index.checked_sub(required).map(|index| &declaration.defaults[index]) {
                self.put("=");
                self.expr(default)?;
            }
        }
        Ok(())
    }

    /// The filters of a `{% filter %}` or `{% set %}` block: a chain without a value in front.
    fn filter_chain(&mut self, expr: &Expr<'_>) -> Done {
        let Expr::Filter(filter) = expr else { return self.expr(expr) };
        if let Some(inner) = &filter.expr {
            self.filter_chain(inner)?;
            self.put("|");
        }
        self.filter_name(filter.name, filter.span())?;
        self.args(&filter.args, false)
    }

    fn filter_name(&mut self, name: &str, span: Span) -> Done {
        self.mark(span);
        let name = Known::filters().resolve(name).map_err(|e| e.at(span.start_offset as usize))?;
        self.put(name);
        Ok(())
    }

    /// Writes an expression such that a filter may follow: what binds less puts itself in parentheses.
    fn expr(&mut self, expr: &Expr<'_>) -> Done {
        self.mark(expr.span());
        match expr {
            Expr::Var(var) => self.put(var.id),
            Expr::Const(constant) => self.constant(&constant.value, constant.span())?,
            Expr::Slice(slice) => {
                self.expr(&slice.expr)?;
                let parts = [&slice.start, &slice.stop, &slice.step];
                self.operator("slice", |writer| {
                    for (index, part) in parts.into_iter().enumerate() {
                        writer.comma(index);
                        match part {
                            Some(part) => writer.expr(part)?,
                            None => writer.put("none"),
                        }
                    }
                    Ok(())
                })?;
            }
            Expr::UnaryOp(op) => {
                self.put(match op.op {
                    UnaryOpKind::Not => "(not ",
                    UnaryOpKind::Neg => "(-",
                });
                self.expr(&op.expr)?;
                self.put(")");
            }
            Expr::BinOp(op) => self.binary(op.op, &op.left, &op.right)?,
            Expr::Compare(compare) => {
                self.expr(&compare.expr)?;
                self.operator("chain", |writer| {
                    for (index, op) in compare.ops.iter().enumerate() {
                        writer.comma(index);
                        writer.string(comparison(op.op));
                        writer.put(", ");
                        writer.expr(&op.expr)?;
                    }
                    Ok(())
                })?;
            }
            Expr::IfExpr(cond) => {
                self.put("(");
                self.expr(&cond.true_expr)?;
                self.put(" if ");
                self.expr(&cond.test_expr)?;
                if let Some(other) = &cond.false_expr {
                    self.put(" else ");
                    self.expr(other)?;
                }
                self.put(")");
            }
            Expr::Filter(filter) => {
                let forgiving = is_forgiving_filter(filter.name);
                if let Some(inner) = &filter.expr {
                    self.guarded(inner, forgiving)?;
                    self.put("|");
                }
                self.filter_name(filter.name, filter.span())?;
                self.args(&filter.args, forgiving)?;
            }
            Expr::Test(test) => {
                self.put("(");
                self.guarded(&test.expr, is_forgiving_test(test.name))?;
                self.put(" is ");
                self.mark(test.span());
                let name = Known::tests().resolve(test.name);
                self.put(name.map_err(|e| e.at(test.span().start_offset as usize))?);
                // Without the parentheses, a following word would be taken for an argument.
                self.put("(");
                self.arg_list(&test.args, false)?;
                self.put("))");
            }
            Expr::GetAttr(get) => {
                self.primary(&get.expr)?;
                self.put(".");
                self.put(get.name);
            }
            Expr::GetItem(get) => self.subscript(&get.expr, &get.subscript_expr)?,
            Expr::Call(call) => self.call(call)?,
            Expr::List(list) => self.items("[", &list.items, "]")?,
            Expr::Tuple(tuple) if tuple.items.len() == 1 => self.items("(", &tuple.items, ",)")?,
            Expr::Tuple(tuple) => self.items("(", &tuple.items, ")")?,
            Expr::Map(map) => {
                self.put("{");
                for (index, (key, value)) in map.keys.iter().zip(&map.values).enumerate() {
                    self.comma(index);
                    self.expr(key)?;
                    if !matches!(key, Expr::Const(_)) {
                        self.put("|op.key");
                    }
                    self.put(": ");
                    self.expr(value)?;
                }
                self.put("}");
            }
        }
        Ok(())
    }

    fn items(&mut self, open: &str, items: &[Expr<'_>], close: &str) -> Done {
        self.put(open);
        for (index, item) in items.iter().enumerate() {
            self.comma(index);
            self.expr(item)?;
        }
        self.put(close);
        Ok(())
    }

    /// Writes `|op.name(args)`.
    fn operator(&mut self, name: &str, args: impl FnOnce(&mut Self) -> Done) -> Done {
        self.put("|op.");
        self.put(name);
        self.put("(");
        args(self)?;
        self.put(")");
        Ok(())
    }

    fn binary(&mut self, op: BinOpKind, left: &Expr<'_>, right: &Expr<'_>) -> Done {
        let name = match op {
            BinOpKind::ScAnd => return self.logic(op, " and ", left, right),
            BinOpKind::ScOr => return self.logic(op, " or ", left, right),
            BinOpKind::Eq if is_scalar(left) || is_scalar(right) => return self.native("==", left, right),
            BinOpKind::Ne if is_scalar(left) || is_scalar(right) => return self.native("!=", left, right),
            BinOpKind::Eq => "eq",
            BinOpKind::Ne => "ne",
            BinOpKind::Lt => "lt",
            BinOpKind::Lte => "le",
            BinOpKind::Gt => "gt",
            BinOpKind::Gte => "ge",
            BinOpKind::Add => "add",
            BinOpKind::Sub => {
                self.refuse_dashed_task(left, right)?;
                "sub"
            }
            BinOpKind::Mul => "mul",
            BinOpKind::Div => "div",
            BinOpKind::FloorDiv => "floordiv",
            BinOpKind::Rem => "rem",
            BinOpKind::Pow => "pow",
            BinOpKind::Concat => "concat",
            BinOpKind::In => "within",
        };
        self.expr(left)?;
        self.operator(name, |writer| writer.expr(right))
    }

    /// `and` and `or` keep the engine's short circuit. A chain is written flat: it may be long.
    fn logic(&mut self, op: BinOpKind, word: &str, left: &Expr<'_>, right: &Expr<'_>) -> Done {
        let mut operands = vec![right];
        let mut rest = left;
        while let Expr::BinOp(inner) = rest {
            if std::mem::discriminant(&inner.op) != std::mem::discriminant(&op) {
                break;
            }
            operands.push(&inner.right);
            rest = &inner.left;
        }
        operands.push(rest);
        self.put("(");
        for (index, operand) in operands.into_iter().rev().enumerate() {
            self.put(if index > 0 { word } else { "" });
            self.expr(operand)?;
        }
        self.put(")");
        Ok(())
    }

    fn native(&mut self, op: &str, left: &Expr<'_>, right: &Expr<'_>) -> Done {
        self.put("(");
        self.expr(left)?;
        self.put(op);
        self.expr(right)?;
        self.put(")");
        Ok(())
    }

    /// What an attribute, a subscript or a call may follow.
    fn primary(&mut self, expr: &Expr<'_>) -> Done {
        let plain = match expr {
            Expr::Var(_) | Expr::GetAttr(_) | Expr::Call(_) => true,
            Expr::GetItem(get) => is_native_key(&get.subscript_expr),
            Expr::List(_) | Expr::Map(_) | Expr::Tuple(_) | Expr::Test(_) | Expr::IfExpr(_) => true,
            Expr::Const(constant) => constant.value.kind() == ValueKind::String,
            _ => false,
        };
        self.put(if plain { "" } else { "(" });
        self.expr(expr)?;
        self.put(if plain { "" } else { ")" });
        Ok(())
    }

    fn subscript(&mut self, expr: &Expr<'_>, key: &Expr<'_>) -> Done {
        if is_native_key(key) {
            self.primary(expr)?;
            self.put("[");
            self.expr(key)?;
            self.put("]");
            return Ok(());
        }
        self.expr(expr)?;
        self.operator("item", |writer| writer.expr(key))
    }

    /// An operand that may be undefined at any point of its chain, if `forgiving`.
    fn guarded(&mut self, expr: &Expr<'_>, forgiving: bool) -> Done {
        let (inner, key) = match expr {
            Expr::GetAttr(get) if forgiving => (&get.expr, None),
            Expr::GetItem(get) if forgiving => (&get.expr, Some(&get.subscript_expr)),
            _ => return self.expr(expr),
        };
        self.guarded(inner, true)?;
        self.operator("get", |writer| match (key, expr) {
            (Some(key), _) => writer.expr(key),
            (None, Expr::GetAttr(get)) => {
                writer.string(get.name);
                Ok(())
            }
            _ => Ok(()),
        })
    }

    fn call(&mut self, call: &Call<'_>) -> Done {
        self.mark(call.expr.span());
        match &call.expr {
            Expr::Var(var) if !self.callable.iter().any(|name| name == var.id) => {
                let known = Known::functions().resolve(var.id);
                known.map_err(|e| e.at(var.span().start_offset as usize))?;
                self.put(var.id);
            }
            other => self.primary(other)?,
        }
        self.put("(");
        // `loop.changed` compares with what it was given before, which no meter sees.
        let compares = matches!(&call.expr, Expr::GetAttr(get) if get.name == "changed");
        self.arg_list(&call.args, compares)?;
        self.put(")");
        Ok(())
    }

    fn args(&mut self, args: &[CallArg<'_>], forgiving: bool) -> Done {
        if args.is_empty() {
            return Ok(());
        }
        self.put("(");
        for (index, arg) in args.iter().enumerate() {
            self.comma(index);
            match arg {
                CallArg::Pos(expr) => self.guarded(expr, forgiving)?,
                CallArg::Kwarg(name, expr) => {
                    self.put(name);
                    self.put("=");
                    self.guarded(expr, forgiving)?;
                }
                _ => self.arg(arg, false)?,
            }
        }
        self.put(")");
        Ok(())
    }

    fn arg_list(&mut self, args: &[CallArg<'_>], touch: bool) -> Done {
        for (index, arg) in args.iter().enumerate() {
            self.comma(index);
            self.arg(arg, touch)?;
        }
        Ok(())
    }

    fn arg(&mut self, arg: &CallArg<'_>, touch: bool) -> Done {
        let (prefix, expr, touch) = match arg {
            CallArg::Pos(expr) => (String::new(), expr, touch),
            CallArg::Kwarg(name, expr) => (format!("{name}="), expr, touch),
            CallArg::PosSplat(expr) => ("*".to_owned(), expr, true),
            CallArg::KwargSplat(expr) => ("**".to_owned(), expr, true),
        };
        self.put(&prefix);
        self.expr(expr)?;
        self.put(if touch { "|op.touch" } else { "" });
        Ok(())
    }

    fn constant(&mut self, value: &Value, span: Span) -> Done {
        match value.kind() {
            ValueKind::None => self.put("none"),
            ValueKind::Bool => self.put(if value.is_true() { "true" } else { "false" }),
            ValueKind::Number if value.is_integer() => self.put(&value.to_string()),
            ValueKind::Number => match f64::try_from(value.clone()) {
                Ok(number) if number.is_finite() => self.put(&format!("{number:?}")),
                _ => return Err(Error::syntax("the number is too large", span.start_offset as usize)),
            },
            _ => match self.plain_literal(span) {
                Some(text) => self.string(&text),
                None => self.string(value.as_str().unwrap_or_default()),
            },
        }
        Ok(())
    }

    /// The signs between the quotes of a string as they stand in the source, if they are to be taken so.
    fn plain_literal(&self, span: Span) -> Option<String> {
        let literal = self.source.get(span.start_offset as usize..span.end_offset as usize)?;
        if self.dialect.escapes || !literal.contains('\\') {
            return None;
        }
        let mut out = String::new();
        let mut rest = literal;
        while let Some(quote @ ('\'' | '"')) = rest.chars().next() {
            let inner = &rest[1..];
            let end = closing(inner, quote)?;
            out.push_str(&inner[..end]);
            rest = inner[end + 1..].trim_start();
        }
        Some(out)
    }

    fn string(&mut self, text: &str) {
        self.put("\"");
        for c in text.chars() {
            match c {
                '"' => self.put("\\\""),
                '\\' => self.put("\\\\"),
                '\n' => self.put("\\n"),
                '\r' => self.put("\\r"),
                c => self.out.source.push(c),
            }
        }
        self.put("\"");
    }

    /// `tasks.sign-off.output` is a subtraction to Jinja, and never meant as one.
    fn refuse_dashed_task(&self, left: &Expr<'_>, right: &Expr<'_>) -> Done {
        let Some(parts) = path(left) else { return Ok(()) };
        let rooted = matches!(right, Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) | Expr::BinOp(_));
        if parts.len() != 2 || parts[0] != "tasks" || !rooted {
            return Ok(());
        }
        let offset = left.span().start_offset as usize;
        let text = self.source.get(offset..).unwrap_or_default();
        let is_id = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let id: String = text.trim_start_matches("tasks.").chars().take_while(|c| is_id(*c)).collect();
        Err(Error::syntax(format!("`tasks.{id}` reads as a subtraction"), offset)
            .hint(format!("write `tasks['{id}']`")))
    }
}

/// Where a string ends: at the first quote without a backslash before it.
fn closing(text: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return Some(at),
            _ => {}
        }
    }
    None
}

fn unsupported(tag: &str, span: Span) -> Error {
    Error::syntax(format!("`{{% {tag} %}}` is not supported"), span.start_offset as usize)
        .hint("keep the template in one text; macros can be defined in it")
}

fn comparison(op: CompareOpKind) -> &'static str {
    match op {
        CompareOpKind::Eq => "==",
        CompareOpKind::Ne => "!=",
        CompareOpKind::Lt => "<",
        CompareOpKind::Lte => "<=",
        CompareOpKind::Gt => ">",
        CompareOpKind::Gte => ">=",
        CompareOpKind::In => "in",
        CompareOpKind::NotIn => "not in",
    }
}

/// A constant with which a comparison takes constant time.
fn is_scalar(expr: &Expr<'_>) -> bool {
    matches!(expr, Expr::Const(_))
}

/// A subscript that the engine looks up in constant time.
fn is_native_key(key: &Expr<'_>) -> bool {
    matches!(key, Expr::Const(constant) if constant.value.kind() == ValueKind::String)
}
