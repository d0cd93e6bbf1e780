//! Writes statements: the `{% … %}` of a template, and the text between them.

use minijinja::machinery::Span;
use minijinja::machinery::ast::{Expr, ForLoop, IfCond, Macro, SetBlock, Stmt, WithBlock};

use super::{Done, Writer};
use crate::error::Error;

impl Writer<'_> {
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

    pub(super) fn statement(&mut self, statement: &Stmt<'_>) -> Done {
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
                self.raw = !self.dialect.escapes;
                self.expr(&emit.expr)?;
                self.raw = false;
                self.put(" }}");
            }
            Stmt::ForLoop(each) => self.for_loop(each)?,
            Stmt::IfCond(cond) => self.condition(cond)?,
            Stmt::WithBlock(with) => self.with_block(with)?,
            Stmt::Set(set) => {
                self.tag("set");
                self.target(&set.target)?;
                self.put(" = ");
                self.expr(&set.expr)?;
                if !matches!(set.expr, Expr::Const(_)) {
                    self.put(if matches!(set.target, Expr::GetAttr(_)) { "|op.held" } else { "|op.kept" });
                }
                self.end_tag();
            }
            Stmt::SetBlock(set) => self.set_block(set)?,
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

    fn for_loop(&mut self, each: &ForLoop<'_>) -> Done {
        self.tag("for");
        self.target(&each.target)?;
        self.put(" in ");
        self.expr(&each.iter)?;
        if let Some(filter) = &each.filter_expr {
            self.put(" if ");
            self.expr(filter)?;
        }
        self.put(if each.recursive { " recursive" } else { "" });
        self.end_tag();
        self.body(&each.body)?;
        self.otherwise(&each.else_body)?;
        self.close("endfor");
        Ok(())
    }

    fn condition(&mut self, cond: &IfCond<'_>) -> Done {
        self.tag("if");
        self.expr(&cond.expr)?;
        self.end_tag();
        self.body(&cond.true_body)?;
        self.otherwise(&cond.false_body)?;
        self.close("endif");
        Ok(())
    }

    fn with_block(&mut self, with: &WithBlock<'_>) -> Done {
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
        Ok(())
    }

    fn set_block(&mut self, set: &SetBlock<'_>) -> Done {
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
        Ok(())
    }

    fn otherwise(&mut self, body: &[Stmt<'_>]) -> Done {
        if !body.is_empty() {
            self.close("else");
            self.body(body)?;
        }
        Ok(())
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
}

fn unsupported(tag: &str, span: Span) -> Error {
    Error::syntax(format!("`{{% {tag} %}}` is not supported"), span.start_offset as usize)
        .hint("keep the template in one text; macros can be defined in it")
}
