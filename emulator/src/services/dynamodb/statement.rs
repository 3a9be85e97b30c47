//! PartiQL statements, as far as they matter here: their verb and table, and the item of an insert.
//!
//! Source of the syntax: "PartiQL statements for DynamoDB", Amazon DynamoDB Developer Guide.

use std::str::Chars;

/// What a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Select,
    Insert,
    Update,
    Delete,
}

impl Verb {
    fn of(word: &str) -> Option<Self> {
        let verbs = [
            ("SELECT", Verb::Select),
            ("INSERT", Verb::Insert),
            ("UPDATE", Verb::Update),
            ("DELETE", Verb::Delete),
        ];
        let mut verbs = verbs.into_iter();
        verbs.find_map(|(name, verb)| word.eq_ignore_ascii_case(name).then_some(verb))
    }

    /// Its name in IAM policies.
    /// Source: "IAM security policies with PartiQL for DynamoDB", Amazon DynamoDB Developer Guide.
    pub(super) fn permission(self) -> &'static str {
        match self {
            Verb::Select => "PartiQLSelect",
            Verb::Insert => "PartiQLInsert",
            Verb::Update => "PartiQLUpdate",
            Verb::Delete => "PartiQLDelete",
        }
    }

    pub(super) fn writes(self) -> bool {
        self != Verb::Select
    }

    /// The word that stands before the table's name.
    fn before_table(self) -> &'static str {
        match self {
            Verb::Select | Verb::Delete => "FROM",
            Verb::Insert => "INTO",
            Verb::Update => "UPDATE",
        }
    }
}

/// A statement.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Statement<'s> {
    pub(super) verb: Verb,
    pub(super) table: &'s str,
    pub(super) index: Option<&'s str>,
    /// The attributes of an insert whose values are all parameters, in the order of the parameters.
    pub(super) attributes: Option<Vec<&'s str>>,
}

impl<'s> Statement<'s> {
    /// None if it makes no sense here; DynamoDB will refuse it.
    pub(super) fn read(text: &'s str) -> Option<Self> {
        let mut tokens = Tokens::of(text);
        let mut word = tokens.next()?;
        let Token::Word(first) = word else {
            return None;
        };
        let verb = Verb::of(first)?;
        while !word.is_word(verb.before_table()) {
            word = tokens.next()?;
        }
        let table = tokens.next()?.name()?;
        let mut next = tokens.next();
        let mut index = None;
        if next == Some(Token::Symbol('.')) {
            index = Some(tokens.next()?.name()?);
            next = tokens.next();
        }
        let is_value = verb == Verb::Insert && next.is_some_and(|token| token.is_word("VALUE"));
        Some(Statement {
            verb,
            table,
            index,
            attributes: is_value.then(|| parameters(&mut tokens)).flatten(),
        })
    }
}

/// The names in `{'name': ?, …}`; none if a value is no parameter.
fn parameters<'s>(tokens: &mut Tokens<'s>) -> Option<Vec<&'s str>> {
    let mut names = Vec::new();
    let mut next = tokens.next()?;
    let mut expected = Token::Symbol('{');
    while next == expected {
        let Token::Text(name) = tokens.next()? else {
            return None;
        };
        let value = [tokens.next()?, tokens.next()?];
        if value != [Token::Symbol(':'), Token::Symbol('?')] {
            return None;
        }
        names.push(name);
        next = tokens.next()?;
        expected = Token::Symbol(',');
    }
    (next == Token::Symbol('}')).then_some(names)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token<'s> {
    Word(&'s str),
    /// In double quotes.
    Name(&'s str),
    /// In single quotes.
    Text(&'s str),
    Symbol(char),
}

impl<'s> Token<'s> {
    fn is_word(self, word: &str) -> bool {
        matches!(self, Token::Word(this) if this.eq_ignore_ascii_case(word))
    }

    /// A table's or an index's name, quoted or not.
    fn name(self) -> Option<&'s str> {
        match self {
            Token::Word(name) | Token::Name(name) => Some(name),
            Token::Text(_) | Token::Symbol(_) => None,
        }
    }
}

#[derive(Debug)]
struct Tokens<'s>(Chars<'s>);

impl<'s> Tokens<'s> {
    fn of(text: &'s str) -> Self {
        Tokens(text.chars())
    }

    /// Up to the quote that ends it. A doubled quote inside is no name's or table's, so it needs no care.
    fn quoted(&mut self, quote: char) -> Option<&'s str> {
        let (text, rest) = self.0.as_str().split_once(quote)?;
        self.0 = rest.chars();
        Some(text)
    }
}

impl<'s> Iterator for Tokens<'s> {
    type Item = Token<'s>;

    fn next(&mut self) -> Option<Token<'s>> {
        let text = self.0.as_str().trim_start();
        self.0 = text.chars();
        match self.0.next()? {
            '"' => self.quoted('"').map(Token::Name),
            '\'' => self.quoted('\'').map(Token::Text),
            first if is_of_word(first) => {
                let end = text.find(|c| !is_of_word(c)).unwrap_or(text.len());
                let (word, rest) = text.split_at(end);
                self.0 = rest.chars();
                Some(Token::Word(word))
            }
            symbol => Some(Token::Symbol(symbol)),
        }
    }
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_insert_of_parameters_names_its_attributes() {
        let text = r#"INSERT INTO "local-Orders" VALUE {'user_id': ?, 'order_id':?, 'a b': ?}"#;
        let expected = Statement {
            verb: Verb::Insert,
            table: "local-Orders",
            index: None,
            attributes: Some(vec!["user_id", "order_id", "a b"]),
        };
        assert_eq!(Statement::read(text), Some(expected));
        for other in [
            "insert into Orders value {'id': 'literal'}",
            "insert into Orders value {'id': ?",
            "insert into Orders value ?",
        ] {
            let statement = Statement::read(other).expect("an insert");
            assert_eq!((statement.verb, statement.table), (Verb::Insert, "Orders"));
            assert_eq!(statement.attributes, None, "{other}");
        }
    }

    #[test]
    fn every_statement_names_its_table() {
        for (text, verb, table, index) in [
            (
                r#"SELECT id, "name" FROM "Products"."by-name" WHERE name = 'FROM x'"#,
                Verb::Select,
                "Products",
                Some("by-name"),
            ),
            (
                r#"update "Stock" set n = ? where id = ?"#,
                Verb::Update,
                "Stock",
                None,
            ),
            (
                "DELETE FROM Carts WHERE id = ?",
                Verb::Delete,
                "Carts",
                None,
            ),
        ] {
            let statement = Statement::read(text).expect("a statement");
            let read = (statement.verb, statement.table, statement.index);
            assert_eq!(read, (verb, table, index), "{text}");
        }
    }

    #[test]
    fn what_is_no_statement_is_none() {
        for text in [
            "",
            "SELECT",
            "DROP TABLE x",
            "'INSERT' INTO x",
            "INSERT INTO 'x'",
            "\"open",
        ] {
            assert_eq!(Statement::read(text), None, "{text}");
        }
    }
}
