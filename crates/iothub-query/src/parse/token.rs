use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take_till, take_until, take_while, take_while_m_n};
use nom::character::complete::{char, digit1, hex_digit1, multispace0, one_of, satisfy};
use nom::combinator::{not, opt, recognize};
use nom::error::ErrorKind;
use nom::sequence::preceded;
use nom::{IResult, Parser};

use super::Dialect;
use crate::error::{ParseError, ParseErrorKind, Symbol};
use crate::name::{Name, begins_word, continues_word};

/// The smallest pieces that mean something.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A name, a keyword or a function.
    Word(&'a str),
    /// What stands between `[[` and `]]`, which can only be a name.
    Name(&'a str),
    /// A text without its quotes and escapes.
    Text(String),
    /// A number as it is written, without a sign.
    Number(&'a str),
    Symbol(Symbol),
    /// A character that begins none of these.
    Stray(char),
    End,
}

/// A token, where it begins, and what comes behind it.
pub(super) struct Scanned<'a> {
    pub(super) token: Token<'a>,
    pub(super) at: usize,
    pub(super) rest: &'a str,
}

/// The first token of `rest`, which is the end of `text`.
pub(super) fn scan<'a>(text: &'a str, rest: &'a str, dialect: Dialect) -> Result<Scanned<'a>, ParseError> {
    let start = rest.trim_start();
    let at = text.len() - start.len();
    let token = alt((word(dialect), name, text_in_quotes, number, symbol));
    match preceded(multispace0, token).parse(start) {
        Ok((rest, token)) => Ok(Scanned { token, at, rest }),
        Err(nom::Err::Failure(Fault { rest, kind: Some(kind) })) => {
            Err(ParseError::new(text, text.len() - rest.len(), kind))
        }
        Err(_) => {
            let token = start.chars().next().map_or(Token::End, Token::Stray);
            Ok(Scanned { token, at, rest: start })
        }
    }
}

fn word<'a>(dialect: Dialect) -> impl Parser<&'a str, Output = Token<'a>, Error = Fault<'a>> {
    // Names of routes, such as `$iothub-message-source`, have hyphens; in a query about twins these are minus signs.
    let continues = move |c| continues_word(c) || (dialect == Dialect::Messages && c == '-');
    recognize((satisfy(begins_word), take_while(continues))).map(Token::Word)
}

fn name(input: &str) -> Lexed<'_, Token<'_>> {
    let (inside, _) = tag("[[").parse(input)?;
    let whole: Lexed<'_, &str> = take_until("]]").parse(inside);
    match whole {
        Ok((rest, name)) if Name::new(name).is_ok() => Ok((&rest["]]".len()..], Token::Name(name))),
        Ok(_) | Err(_) => fail(input, ParseErrorKind::BadName),
    }
}

fn text_in_quotes(input: &str) -> Lexed<'_, Token<'_>> {
    let (mut rest, quote) = one_of("'\"").parse(input)?;
    let mut text = String::new();
    loop {
        let (behind, plain) = take_till(|c| c == quote || c == '\\').parse(rest)?;
        text.push_str(plain);
        let end: Lexed<'_, char> = char(quote).parse(behind);
        if let Ok((rest, _)) = end {
            return Ok((rest, Token::Text(text)));
        }
        if behind.is_empty() {
            return fail(input, ParseErrorKind::OpenText);
        }
        match escape(behind) {
            Ok((behind, c)) => {
                text.push(c);
                rest = behind;
            }
            Err(_) => return fail(behind, ParseErrorKind::BadEscape),
        }
    }
}

fn escape(input: &str) -> Lexed<'_, char> {
    preceded(char('\\'), alt((one_of("'\"\\"), unicode))).parse(input)
}

/// `uXXXX`, or two of them with `\` between that are one character in UTF-16.
fn unicode(input: &str) -> Lexed<'_, char> {
    let (rest, first) = unit(input)?;
    if let Some(c) = char::from_u32(first.into()) {
        return Ok((rest, c));
    }
    let (rest, second) = preceded(char('\\'), unit).parse(rest)?;
    match char::decode_utf16([first, second]).next() {
        Some(Ok(c)) => Ok((rest, c)),
        Some(Err(_)) | None => fail(input, ParseErrorKind::BadEscape),
    }
}

fn unit(input: &str) -> Lexed<'_, u16> {
    let digits = preceded(char('u'), take_while_m_n(4, 4, |c: char| c.is_ascii_hexdigit()));
    digits.map_opt(|digits: &str| u16::from_str_radix(digits, 16).ok()).parse(input)
}

fn number(input: &str) -> Lexed<'_, Token<'_>> {
    let hexadecimal = recognize((tag_no_case("0x"), hex_digit1));
    let exponent = (one_of("eE"), opt(one_of("+-")), digit1);
    let decimal = recognize((digit1, opt((char('.'), digit1)), opt(exponent)));
    let (rest, number) = alt((hexadecimal, decimal)).parse(input)?;
    let end: Lexed<'_, ()> = not(satisfy(continues_word)).parse(rest);
    match end {
        Ok(_) => Ok((rest, Token::Number(number))),
        Err(_) => fail(input, ParseErrorKind::BadNumber),
    }
}

fn symbol(input: &str) -> Lexed<'_, Token<'_>> {
    let found = Symbol::ALL.iter().find_map(|(symbol, text)| Some((input.strip_prefix(text)?, *symbol)));
    match found {
        Some((rest, symbol)) => Ok((rest, Token::Symbol(symbol))),
        None => Err(nom::Err::Error(Fault { rest: input, kind: None })),
    }
}

type Lexed<'a, T> = IResult<&'a str, T, Fault<'a>>;

/// Where no token can be read, and why, if it cannot be another one.
#[derive(Debug)]
struct Fault<'a> {
    rest: &'a str,
    kind: Option<ParseErrorKind>,
}

fn fail<T>(rest: &str, kind: ParseErrorKind) -> Lexed<'_, T> {
    Err(nom::Err::Failure(Fault { rest, kind: Some(kind) }))
}

impl<'a> nom::error::ParseError<&'a str> for Fault<'a> {
    fn from_error_kind(rest: &'a str, _: ErrorKind) -> Self {
        Self { rest, kind: None }
    }

    fn append(_: &'a str, _: ErrorKind, other: Self) -> Self {
        other
    }
}
