//! The page at `/docs`: the methods for people, self-contained, derived from the table of methods.

use crate::method::{Action, Method, Verb};
use std::fmt::Write;

const HEAD: &str = "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>XLN API</title>\
<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><style>\
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1a1a1a;background:#fff}\
h2{margin:2rem 0 .25rem;font-size:1.1rem}code{font:14px ui-monospace,monospace}\
.tag{font-size:.8rem;color:#666;margin-left:.5rem}.later{opacity:.55}\
@media(prefers-color-scheme:dark){body{color:#ddd;background:#111}.tag{color:#999}}\
</style></head><body><h1>XLN API</h1><p>Methods of the WebSocket at <code>/v1/ws</code>, each with its REST twin. \
Parameters, answers and errors stand in <a href=\"/api/v1/openapi.json\">openapi.json</a>. Amounts, nonces and block \
numbers are decimal strings. A request is <code>{\"id\", \"method\", \"params\"}</code>, its answer \
<code>{\"id\", \"result\"}</code> or <code>{\"id\", \"error\"}</code>. Log in with \
<code>POST /api/v1/auth/token</code>.</p><p>A request may be repeated without being executed twice: over REST with the header \
<code>Idempotency-Key</code>, over the WebSocket with a string <code>id</code> of at least 16 characters. For 24 hours the same \
account, id, method and parameters get the first answer, other parameters 4009. Shorter and numeric ids only match answers to \
requests; methods that only read, and what never reached the core, are simply asked again.</p>";

/// The page.
pub(crate) fn render(methods: &[Method]) -> String {
    let mut page = HEAD.to_owned();
    for method in methods {
        let later = matches!(method.action, Action::Later);
        let _ = write!(page, "<section{}>", if later { " class=\"later\"" } else { "" });
        let _ = write!(page, "<h2><code>{}</code>", escape(method.name));
        let _ = write!(page, "<span class=\"tag\">{} · number {}", method.access.name(), method.number);
        page.push_str(if later { " · comes later</span></h2>" } else { "</span></h2>" });
        if let Some(route) = method.route {
            let verb = if route.verb == Verb::Get { "GET" } else { "POST" };
            let _ = write!(page, "<div><code>{verb} /api/v1{}</code></div>", escape(route.path));
        }
        let _ = write!(page, "<p>{}</p></section>", escape(method.doc));
    }
    page.push_str("</body></html>");
    page
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
