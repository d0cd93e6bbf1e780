//! From tokens to a tree, by binding powers: the grammar of the reference implementation.

use super::Node;
use super::lex::Token;

/// Below this, a sign ends what is done with each item.
const ENDS_EACH: u8 = 10;

pub(super) fn query(tokens: Vec<Token>) -> Result<Node, String> {
    let mut parser = Parser { tokens: tokens.into_iter().rev().collect() };
    let node = parser.expression(0)?;
    match parser.tokens.last() {
        None => Ok(node),
        Some(token) => Err(unexpected(token)),
    }
}

fn unexpected(token: &Token) -> String {
    match token {
        Token::Name(name) | Token::Quoted(name) => format!("`{name}` is not expected here"),
        Token::Number(number) => format!("`{number}` is not expected here"),
        Token::Literal(_) => "a literal is not expected here".to_owned(),
        Token::Sign(sign) => format!("`{sign}` is not expected here"),
    }
}

/// How strongly a token binds what stands before it.
fn power(token: Option<&Token>) -> u8 {
    match token {
        Some(Token::Sign(sign)) => match *sign {
            "|" => 1,
            "||" => 2,
            "&&" => 3,
            "==" | "!=" | "<" | "<=" | ">" | ">=" => 5,
            "[]" => 9,
            "*" => 20,
            "[?" => 21,
            "." => 40,
            "!" => 45,
            "{" => 50,
            "[" => 55,
            "(" => 60,
            _ => 0,
        },
        _ => 0,
    }
}

struct Parser {
    /// What is left, the next token last.
    tokens: Vec<Token>,
}

impl Parser {
    fn is(&self, sign: &str) -> bool {
        matches!(self.tokens.last(), Some(Token::Sign(next)) if *next == sign)
    }

    fn accept(&mut self, sign: &str) -> bool {
        let found = self.is(sign);
        if found {
            self.tokens.pop();
        }
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        match self.accept(sign) {
            true => Ok(()),
            false => Err(format!("a `{sign}` is missing")),
        }
    }

    fn expression(&mut self, least: u8) -> Result<Node, String> {
        let mut left = self.start()?;
        while power(self.tokens.last()) > least {
            left = self.more(left)?;
        }
        Ok(left)
    }

    fn boxed(&mut self, least: u8) -> Result<Box<Node>, String> {
        self.expression(least).map(Box::new)
    }

    /// What an expression starts with.
    fn start(&mut self) -> Result<Node, String> {
        let token = self.tokens.pop().ok_or("it ends too early")?;
        let current = || Box::new(Node::Current);
        Ok(match token {
            Token::Literal(value) => Node::Literal(value),
            Token::Name(name) => Node::Field(name),
            Token::Quoted(name) if !self.is("(") => Node::Field(name),
            Token::Sign("@") => Node::Current,
            Token::Sign("*") => Node::EachValue(current(), self.each(20)?),
            Token::Sign("[?") => self.filter(Node::Current)?,
            Token::Sign("[]") => Node::Each(Box::new(Node::Flatten(current())), self.each(9)?),
            Token::Sign("!") => Node::Not(self.boxed(45)?),
            Token::Sign("&") => Node::Query(self.boxed(0)?),
            Token::Sign("{") => self.map()?,
            Token::Sign("(") => {
                let inner = self.expression(0)?;
                self.expect(")")?;
                inner
            }
            Token::Sign("[") => match self.tokens.last() {
                Some(Token::Number(_) | Token::Sign(":")) => self.index(Node::Current)?,
                Some(Token::Sign("*")) if self.tokens.iter().nth_back(1) == Some(&Token::Sign("]")) => {
                    self.tokens.truncate(self.tokens.len() - 2);
                    Node::Each(current(), self.each(20)?)
                }
                _ => self.list()?,
            },
            token => return Err(unexpected(&token)),
        })
    }

    /// What may follow an expression.
    fn more(&mut self, left: Node) -> Result<Node, String> {
        let token = self.tokens.pop().ok_or("it ends too early")?;
        let Token::Sign(sign) = token else { return Err(unexpected(&token)) };
        let first = Box::new(left);
        Ok(match sign {
            "." if self.accept("*") => Node::EachValue(first, self.each(40)?),
            "." => Node::Then(first, Box::new(self.member(40)?)),
            "|" => Node::Then(first, self.boxed(1)?),
            "||" => Node::Or(first, self.boxed(2)?),
            "&&" => Node::And(first, self.boxed(3)?),
            "==" | "!=" | "<" | "<=" | ">" | ">=" => Node::Compare(sign, first, self.boxed(5)?),
            "[]" => Node::Each(Box::new(Node::Flatten(first)), self.each(9)?),
            "[?" => self.filter(*first)?,
            "[" => match self.tokens.last() {
                Some(Token::Number(_) | Token::Sign(":")) => self.index(*first)?,
                _ => {
                    self.expect("*")?;
                    self.expect("]")?;
                    Node::Each(first, self.each(20)?)
                }
            },
            "(" => match *first {
                Node::Field(name) => self.call(name)?,
                _ => return Err("only a function can be called".to_owned()),
            },
            sign => return Err(unexpected(&Token::Sign(sign))),
        })
    }

    /// What is done with each item: nothing, where a weak sign or the end follows.
    fn each(&mut self, least: u8) -> Result<Box<Node>, String> {
        match self.tokens.last() {
            next if power(next) < ENDS_EACH => Ok(Box::new(Node::Current)),
            Some(Token::Sign("[" | "[?")) => self.boxed(least),
            Some(Token::Sign(".")) => {
                self.tokens.pop();
                self.member(least).map(Box::new)
            }
            Some(token) => Err(unexpected(token)),
            None => Ok(Box::new(Node::Current)),
        }
    }

    /// What may follow a dot.
    fn member(&mut self, least: u8) -> Result<Node, String> {
        match self.tokens.last() {
            Some(Token::Name(_) | Token::Quoted(_) | Token::Sign("*")) => self.expression(least),
            Some(Token::Sign("[")) => {
                self.tokens.pop();
                self.list()
            }
            Some(Token::Sign("{")) => {
                self.tokens.pop();
                self.map()
            }
            Some(token) => Err(unexpected(token)),
            None => Err("it ends too early".to_owned()),
        }
    }

    fn filter(&mut self, left: Node) -> Result<Node, String> {
        let condition = self.boxed(0)?;
        self.expect("]")?;
        let right = if self.is("[]") { Box::new(Node::Current) } else { self.each(21)? };
        Ok(Node::Where(Box::new(left), right, condition))
    }

    /// An index, or the parts of a slice, after a bracket.
    fn index(&mut self, left: Node) -> Result<Node, String> {
        let mut parts = [None; 3];
        let mut place = 0;
        while !self.accept("]") {
            match self.tokens.pop() {
                Some(Token::Sign(":")) if place < 2 => place += 1,
                Some(Token::Number(number)) if parts[place].is_none() => parts[place] = Some(number),
                Some(token) => return Err(unexpected(&token)),
                None => return Err("a `]` is missing".to_owned()),
            }
        }
        let left = Box::new(left);
        match (place, parts) {
            (0, [Some(index), ..]) => Ok(Node::Then(left, Box::new(Node::Index(index)))),
            _ => Ok(Node::Each(Box::new(Node::Then(left, Box::new(Node::Slice(parts)))), self.each(20)?)),
        }
    }

    fn list(&mut self) -> Result<Node, String> {
        let mut items = vec![self.expression(0)?];
        while self.accept(",") {
            items.push(self.expression(0)?);
        }
        self.expect("]")?;
        Ok(Node::List(items))
    }

    fn map(&mut self) -> Result<Node, String> {
        let mut members = Vec::new();
        loop {
            let name = match self.tokens.pop() {
                Some(Token::Name(name) | Token::Quoted(name)) => name,
                Some(token) => return Err(unexpected(&token)),
                None => return Err("it ends too early".to_owned()),
            };
            self.expect(":")?;
            members.push((name, self.expression(0)?));
            if self.accept("}") {
                return Ok(Node::Map(members));
            }
            self.expect(",")?;
        }
    }

    fn call(&mut self, name: String) -> Result<Node, String> {
        let mut args = Vec::new();
        while !self.accept(")") {
            if !args.is_empty() {
                self.expect(",")?;
            }
            args.push(self.expression(0)?);
        }
        Ok(Node::Call(name, args))
    }
}
