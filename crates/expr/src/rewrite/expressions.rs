//! Writes expressions: operators as filters, forgiving look-ups where people expect them.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{
    BinOpKind, Compare, CompareOpKind, Expr, IfExpr, Map, Slice, Test, UnaryOpKind,
};
use minijinja::value::ValueKind;

use super::{Done, Writer};
use crate::env::Known;
use crate::error::Error;
use crate::refs::{is_forgiving_filter, is_forgiving_test, path, start};

impl Writer<'_> {
    /// Writes an expression such that a filter may follow: what binds less puts itself in parentheses.
    pub(super) fn expr(&mut self, expr: &Expr<'_>) -> Done {
        self.mark(start(expr));
        match expr {
            Expr::Var(var) => self.put(var.id),
            Expr::Const(constant) => self.constant(&constant.value, constant.span())?,
            Expr::Slice(slice) => self.slice(slice)?,
            Expr::UnaryOp(op) => {
                self.put(match op.op {
                    UnaryOpKind::Not => "(not ",
                    UnaryOpKind::Neg => "(-",
                });
                self.expr(&op.expr)?;
                self.put(")");
            }
            Expr::BinOp(op) => self.binary(op.op, &op.left, &op.right)?,
            Expr::Compare(compare) => self.chain(compare)?,
            Expr::IfExpr(cond) => self.choice(cond)?,
            Expr::Filter(filter) => {
                let forgiving = is_forgiving_filter(filter.name);
                if let Some(inner) = &filter.expr {
                    self.guarded(inner, forgiving)?;
                    self.put("|");
                }
                self.filter_name(filter.name, filter.span())?;
                self.args(&filter.args, forgiving)?;
            }
            Expr::Test(test) => self.test(test, test.span())?,
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
            Expr::Map(map) => self.map(map)?,
        }
        Ok(())
    }

    fn slice(&mut self, slice: &Slice<'_>) -> Done {
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
        })
    }

    fn chain(&mut self, compare: &Compare<'_>) -> Done {
        self.expr(&compare.expr)?;
        self.operator("chain", |writer| {
            for (index, op) in compare.ops.iter().enumerate() {
                writer.comma(index);
                writer.string(comparison(op.op));
                writer.put(", ");
                writer.expr(&op.expr)?;
            }
            Ok(())
        })
    }

    fn choice(&mut self, cond: &IfExpr<'_>) -> Done {
        self.put("(");
        self.expr(&cond.true_expr)?;
        self.put(" if ");
        self.expr(&cond.test_expr)?;
        if let Some(other) = &cond.false_expr {
            self.put(" else ");
            self.expr(other)?;
        }
        self.put(")");
        Ok(())
    }

    fn test(&mut self, test: &Test<'_>, span: Span) -> Done {
        let offset = span.start_offset as usize;
        let name = Known::tests().resolve(test.name).map_err(|e| e.at(offset))?;
        self.put("(");
        self.guarded(&test.expr, is_forgiving_test(test.name))?;
        self.put(" is ");
        self.mark(offset);
        self.put(name);
        // Without the parentheses, a following word would be taken for an argument.
        self.put("(");
        self.arg_list(&test.args, false)?;
        self.put("))");
        Ok(())
    }

    fn map(&mut self, map: &Map<'_>) -> Done {
        self.put("{");
        for (index, (key, value)) in map.keys.iter().zip(&map.values).enumerate() {
            self.comma(index);
            self.expr(key)?;
            self.put(if matches!(key, Expr::Const(_)) { ": " } else { "|op.key: " });
            self.expr(value)?;
        }
        self.put("}");
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

    pub(super) fn filter_name(&mut self, name: &str, span: Span) -> Done {
        self.mark(span.start_offset as usize);
        let name = Known::filters().resolve(name).map_err(|e| e.at(span.start_offset as usize))?;
        self.put(name);
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
    pub(super) fn primary(&mut self, expr: &Expr<'_>) -> Done {
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
    pub(super) fn guarded(&mut self, expr: &Expr<'_>, forgiving: bool) -> Done {
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

    /// `tasks.sign-off.output` is a subtraction to Jinja, and never meant as one.
    fn refuse_dashed_task(&self, left: &Expr<'_>, right: &Expr<'_>) -> Done {
        let Some(parts) = path(left) else { return Ok(()) };
        let rooted = matches!(right, Expr::Var(_) | Expr::GetAttr(_) | Expr::GetItem(_) | Expr::BinOp(_));
        if parts.len() != 2 || parts[0] != "tasks" || !rooted {
            return Ok(());
        }
        let offset = start(left);
        let text = self.source.get(offset..).unwrap_or_default();
        let is_id = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let id: String = text.trim_start_matches("tasks.").chars().take_while(|c| is_id(*c)).collect();
        Err(Error::syntax(format!("`tasks.{id}` reads as a subtraction"), offset)
            .hint(format!("write `tasks['{id}']`")))
    }
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
