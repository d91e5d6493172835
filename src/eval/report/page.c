#include "eval/report/page.h"

#include <math.h>

// Two columns of diagrams on a desk, one on a phone; tables scroll in their own box.
static const char style[] =
    ":root{--ink:#1d2733;--soft:#5b6b7c;--line:#d8dfe6;--paper:#fff;--mark:#0b62a8;--after:#b4530a}"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6ecf2;--soft:#9fb0c0;--line:#33414e;"
    "--paper:#131a21;--mark:#6cb6ff;--after:#ffab5e}}"
    "*{box-sizing:border-box}body{margin:0 "
    "auto;max-width:62rem;padding:1rem;background:var(--paper);"
    "color:var(--ink);font:16px/1.45 system-ui,sans-serif}h1{font-size:1.5rem;margin:.2rem 0}"
    "h2{font-size:1.2rem;margin:2rem 0 .5rem;border-bottom:1px solid var(--line)}"
    "h3{font-size:1rem;margin:1.5rem 0 .3rem}p{margin:.4rem 0}.soft{color:var(--soft)}"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums;"
    "font-size:.875rem}th,td{padding:.25rem .45rem;border-bottom:1px solid var(--line);"
    "text-align:right;white-space:nowrap}th:first-child,td:first-child{text-align:left;"
    "position:sticky;left:0;background:var(--paper);white-space:normal;overflow-wrap:break-word;"
    "max-width:11rem}th[scope=row]{font-weight:inherit}dl{display:grid;"
    "grid-template-columns:max-content 1fr;gap:.15rem 1rem;font-size:.875rem;margin:.5rem 0}"
    "dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}.plots{display:grid;"
    "grid-template-columns:repeat(auto-fit,minmax(15rem,1fr));gap:.5rem}svg{width:100%;"
    "max-width:22rem;height:auto}svg.wide{max-width:40rem}svg text{font:10px system-ui,sans-serif;"
    "fill:var(--soft)}svg "
    ".caption{font-weight:600;fill:var(--ink);font-size:11px;paint-order:stroke;"
    "stroke:var(--paper);stroke-width:4px}@media(max-width:30rem){svg.wide text{font-size:12.5px}}"
    "h1,h2,h3,p{overflow-wrap:anywhere}.scroll:focus-visible{outline:2px solid var(--mark)}"
    "svg .frame{fill:none;stroke:var(--line)}svg "
    ".grid{stroke:var(--line);stroke-width:.5;fill:none}"
    "svg .chance{stroke:var(--soft);stroke-dasharray:3 3;fill:none}"
    "svg path.curve{stroke:var(--mark);stroke-width:1.8;fill:none}svg "
    "circle.curve{fill:var(--mark)}"
    "svg path.after{stroke:var(--after);stroke-width:1.5;fill:none}"
    "svg circle.after{fill:var(--after)}svg .thin{stroke:var(--mark);stroke-width:.8;fill:none}"
    "svg .band{fill:var(--mark);fill-opacity:.15;stroke:none}"
    "@page{size:A4;margin:14mm}@media print{:root{--ink:#000;--soft:#333;--line:#999;--paper:#fff;"
    "--mark:#0b62a8;--after:#b4530a}body{font-size:10pt;max-width:none;padding:0}.scroll{overflow:"
    "visible}table{font-size:7pt}th,td{padding:.1rem .25rem;white-space:normal}svg,tr,figure{"
    "break-inside:avoid}h2,h3{break-after:avoid}th:first-child,td:first-child{position:static}}"
    "caption{text-align:left;color:var(--soft);font-size:.8rem;padding:.2rem 0}caption span{"
    "display:block;max-width:calc(100vw - 2.5rem)}@media print{caption span{max-width:none}}"
    "@media screen and (max-width:30rem){table{font-size:.72rem}th,td{padding:.2rem .25rem}"
    "th[scope=col]{white-space:normal}th:first-child,td:first-child{max-width:6.5rem}}"
    "td.words{text-align:left;white-space:normal;min-width:10rem}figure{margin:0}figcaption{font-"
    "size:.8rem;color:var(--soft)}.notice{border-left:4px solid var(--after);"
    "padding:.3rem .8rem;margin:.8rem 0}";

void bv_page_text(FILE *stream, const char *text)
{
    for (; *text; text++) {
        if (*text == '<')
            (void)fputs("&lt;", stream);
        else if (*text == '>')
            (void)fputs("&gt;", stream);
        else if (*text == '&')
            (void)fputs("&amp;", stream);
        else if (*text == '"')
            (void)fputs("&quot;", stream);
        else
            (void)putc(*text, stream);
    }
}

void bv_page_begin(FILE *stream, const char *title, const char *heading)
{
    (void)fprintf(stream,
                  "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
                  "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>%s"
                  "</title><style>%s</style></head><body><h1>%s</h1>"
                  "<p class=\"soft\">For research; not a medical device.</p>",
                  title, style, heading);
}

void bv_page_end(FILE *stream)
{
    (void)fputs("</body></html>\n", stream);
}

void bv_page_table(FILE *f, const char *caption, const char *const *columns)
{
    (void)fprintf(f,
                  "<div class=\"scroll\" tabindex=\"0\"><table><caption><span>%s</span></caption>"
                  "<thead><tr>",
                  caption);
    for (; *columns; columns++)
        (void)fprintf(f, "<th scope=\"col\">%s</th>", *columns);
    (void)fputs("</tr></thead>", f);
}

void bv_page_row(FILE *f, const char *name)
{
    (void)fputs("<tr><th scope=\"row\">", f);
    bv_page_text(f, name);
    (void)fputs("</th>", f);
}

void bv_page_number(FILE *f, double value)
{
    if (isnan(value))
        (void)fputs("<td>NA</td>", f);
    else
        (void)fprintf(f, "<td>%.3f</td>", value);
}

void bv_page_interval(FILE *f, double low, double high)
{
    if (isnan(low) || isnan(high))
        (void)fputs("<td>NA</td>", f);
    else
        (void)fprintf(f, "<td>%.3f–%.3f</td>", low, high);
}

void bv_page_fact(FILE *f, const char *name, const char *value)
{
    (void)fprintf(f, "<dt>%s</dt><dd>", name);
    bv_page_text(f, value);
    (void)fputs("</dd>", f);
}

void bv_page_p(FILE *f, double p)
{
    if (isnan(p))
        (void)fputs("<td>NA</td>", f);
    else if (p < 0.001)
        (void)fputs("<td>&lt;0.001</td>", f);
    else
        (void)fprintf(f, "<td>%.3f</td>", p);
}
