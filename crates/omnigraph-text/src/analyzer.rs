//! The analyzer: cuts a text into the terms that are indexed and searched for.

use std::iter::Peekable;
use std::str::CharIndices;

use lance_tokenizer::{
    AsciiFoldingFilter, Language, LowerCaser, Stemmer, StopWordFilter, TextAnalyzer, Token, TokenFilter,
    TokenStream, Tokenizer,
};
use unicode_normalization::char::is_combining_mark;
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Tokens with more characters (Unicode scalar values) than this are dropped.
pub const MAX_TOKEN_CHARS: usize = 40;

/// Cuts a text into terms. Queries and texts must be analysed alike, so there are no options.
///
/// The steps, in this order:
/// 1. *Split*: a token is a longest run of letters and digits (`char::is_alphanumeric`), to which combining marks after
///    its first character belong, so that an accent written as a character of its own does not cut a word. All else
///    separates: white space, punctuation, symbols, controls.
/// 2. *Drop long tokens*: those of more than [`MAX_TOKEN_CHARS`] characters, counted as they stand in the text.
/// 3. *Lower-case*, character by character, by Unicode's rules without a locale.
/// 4. *Fold to ASCII*: compatibility decomposition (NFKD) without combining marks, and a table for letters that do not
///    decompose (`ß` to `ss`, `æ` to `ae`, `ø` to `o`, `ł` to `l`, …). Letters with no ASCII form stay.
/// 5. *Compose*: of accents that are characters of their own, those on an ASCII letter go, and others are joined with
///    their letter (NFC).
/// 6. *Lower-case* what folding brought up (`𝐀` becomes `A`, then `a`).
/// 7. *Remove English stop words*: articles, pronouns, prepositions and the like, but no word that negates.
/// 8. *Stem*: the Snowball English stemmer ("Porter 2").
///
/// Steps 3, 4, 6, 7 and 8 are filters of the crate `lance-tokenizer`, which Lance's own inverted index uses too, there in
/// another order (stop words are looked up after stemming, and folding comes last).
///
/// A clone shares the word list. Any thread may analyse with a shared reference.
#[derive(Clone)]
pub struct Analyzer {
    pipeline: TextAnalyzer,
}

impl Analyzer {
    /// The analyzer of all text columns.
    #[must_use]
    pub fn new() -> Self {
        let stop_words = StopWordFilter::new(Language::English);
        let pipeline = TextAnalyzer::builder(Words::default())
            .filter(Step(|token| is_short(token)))
            .filter(LowerCaser)
            .filter(AsciiFoldingFilter)
            .filter(Step(compose))
            .filter(LowerCaser)
            .filter(stop_words.expect("the tokenizer knows the stop words of English"))
            .filter(Stemmer::new(Language::English))
            .build();
        Self { pipeline }
    }

    /// Gives the terms of `text` to `sink`, in the order of the text, repeated as often as they occur.
    pub fn terms(&self, text: &str, mut sink: impl FnMut(&str)) {
        // A token stream writes into buffers of its pipeline, so every call has its own.
        let mut pipeline = self.pipeline.clone();
        let mut tokens = pipeline.token_stream(text);
        while tokens.advance() {
            let term = tokens.token().text.as_str();
            if !term.is_empty() {
                sink(term);
            }
        }
    }
}

impl Default for Analyzer {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Analyzer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Analyzer").finish_non_exhaustive()
    }
}

/// Step 1 of [`Analyzer`].
#[derive(Clone, Default)]
struct Words {
    token: Token,
}

struct WordStream<'a> {
    text: &'a str,
    chars: Peekable<CharIndices<'a>>,
    token: &'a mut Token,
}

impl Tokenizer for Words {
    type TokenStream<'a> = WordStream<'a>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> WordStream<'a> {
        self.token.reset();
        WordStream { text, chars: text.char_indices().peekable(), token: &mut self.token }
    }
}

impl TokenStream for WordStream<'_> {
    fn advance(&mut self) -> bool {
        let Some((from, _)) = self.chars.by_ref().find(|(_, c)| c.is_alphanumeric()) else { return false };
        while self.chars.next_if(|&(_, c)| c.is_alphanumeric() || is_combining_mark(c)).is_some() {}
        let to = self.chars.peek().map_or(self.text.len(), |&(at, _)| at);
        self.token.position = self.token.position.wrapping_add(1);
        self.token.offset_from = from;
        self.token.offset_to = to;
        self.token.text.clear();
        self.token.text.push_str(&self.text[from..to]);
        true
    }

    fn token(&self) -> &Token {
        self.token
    }

    fn token_mut(&mut self) -> &mut Token {
        self.token
    }
}

/// Step 2 of [`Analyzer`]. The filter of `lance-tokenizer` counts bytes, and drops a token as long as its limit.
fn is_short(token: &str) -> bool {
    token.len() <= MAX_TOKEN_CHARS || token.chars().count() <= MAX_TOKEN_CHARS
}

/// Step 5 of [`Analyzer`], which folding leaves undone.
fn compose(token: &mut String) -> bool {
    if token.is_ascii() {
        return true;
    }
    let mut on_ascii = false;
    token.retain(|c| {
        let mark = is_combining_mark(c);
        on_ascii = c.is_ascii() || (mark && on_ascii);
        !(mark && on_ascii)
    });
    if !is_nfc(token) {
        *token = token.nfc().collect();
    }
    true
}

/// A token filter: a function that may change a token and tells whether it stays.
#[derive(Clone, Copy)]
struct Step(fn(&mut String) -> bool);

#[derive(Clone)]
struct StepTokenizer<T> {
    step: Step,
    inner: T,
}

struct StepStream<S> {
    step: Step,
    inner: S,
}

impl TokenFilter for Step {
    type Tokenizer<T: Tokenizer> = StepTokenizer<T>;

    fn transform<T: Tokenizer>(self, tokenizer: T) -> StepTokenizer<T> {
        StepTokenizer { step: self, inner: tokenizer }
    }
}

impl<T: Tokenizer> Tokenizer for StepTokenizer<T> {
    type TokenStream<'a> = StepStream<T::TokenStream<'a>>;

    fn token_stream<'a>(&'a mut self, text: &'a str) -> Self::TokenStream<'a> {
        StepStream { step: self.step, inner: self.inner.token_stream(text) }
    }
}

impl<S: TokenStream> TokenStream for StepStream<S> {
    fn advance(&mut self) -> bool {
        while self.inner.advance() {
            if self.step.0(&mut self.inner.token_mut().text) {
                return true;
            }
        }
        false
    }

    fn token(&self) -> &Token {
        self.inner.token()
    }

    fn token_mut(&mut self) -> &mut Token {
        self.inner.token_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        let mut terms = Vec::new();
        Analyzer::new().terms(text, |term| terms.push(term.to_owned()));
        terms
    }

    #[test]
    fn a_text_without_letters_or_digits_has_no_terms() {
        for text in ["", "  \t\n", "...!?", "— € ☃ \u{301}", "\0"] {
            assert_eq!(terms(text), Vec::<String>::new(), "{text:?}");
        }
    }

    #[test]
    fn white_space_punctuation_and_symbols_separate() {
        assert_eq!(
            terms("neural-network,layers/v2 (x+y) foo_bar\u{a0}baz"),
            ["neural", "network", "layer", "v2", "x", "y", "foo", "bar", "baz"]
        );
        assert_eq!(terms("tick\u{2019}tock"), ["tick", "tock"]);
    }

    #[test]
    fn accents_fold_however_they_are_written() {
        assert_eq!(terms("Caf\u{e9}"), ["cafe"]);
        assert_eq!(terms("Cafe\u{301}"), ["cafe"]);
        assert_eq!(terms("cafe\u{301}bar"), ["cafebar"]);
        assert_eq!(terms("o\u{323}\u{302}"), ["o"]);
        assert_eq!(terms("и\u{306}"), terms("\u{439}"), "no ASCII form, but one term");
        assert_eq!(terms("Straße Łódź Ærø Þór naïve"), terms("strasse lodz aero thor naive"));
        assert_eq!(terms("ＷＩＤＥ 𝐁old ℌ ﬁsh"), ["wide", "bold", "h", "fish"]);
    }

    #[test]
    fn letters_without_an_ascii_form_stay() {
        assert_eq!(terms("Москва 東京"), ["москва", "東京"]);
    }

    #[test]
    fn case_is_ignored() {
        assert_eq!(terms("GRAPH Graph gRAPH"), ["graph", "graph", "graph"]);
        assert_eq!(terms("İzmir"), ["izmir"]);
    }

    #[test]
    fn a_token_of_40_characters_stays_and_of_41_goes() {
        assert_eq!(terms(&"7".repeat(40)), ["7".repeat(40)]);
        assert_eq!(terms(&format!("{} end", "7".repeat(41))), ["end"]);
        assert_eq!(terms(&"é".repeat(40)), ["e".repeat(40)], "characters count, not bytes");
        assert_eq!(terms(&"é".repeat(41)), Vec::<String>::new());
    }

    #[test]
    fn stop_words_go_and_negations_stay() {
        assert_eq!(terms("The cat is on the mat, and it was not I"), ["cat", "mat", "not"]);
    }

    #[test]
    fn words_are_stemmed() {
        assert_eq!(terms("running runs run databases relational"), ["run", "run", "run", "databas", "relat"]);
    }

    #[test]
    fn shared_across_threads() {
        fn shareable<T: Send + Sync + Clone>() {}
        shareable::<Analyzer>();
    }
}
