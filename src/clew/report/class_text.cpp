// SPDX-License-Identifier: Apache-2.0
#include "clew/report/class_text.h"

#include <algorithm>
#include <cmath>

#include "clew/core/error.h"
#include "clew/report/page_text.h"

namespace clew::report {

std::string class_verdict(const RunData& run) {
  if (!run.classes) return escape(run.summary);
  const auto& classes = *run.classes;
  const double wrong = std::round(classes.error * classes.examples);
  return concat("It gets <b>", fixed(100 * classes.error, 2),
                " %</b> of the test set wrong: ", fixed(wrong, 0), " of ",
                fixed(classes.examples, 0), " examples.");
}

std::string confusion_table(const RunData& run) {
  const auto& classes = *run.classes;
  const std::size_t count = classes.names.size();
  double most = 1;  // off the diagonal
  for (std::size_t i = 0; i < count * count; ++i)
    if (i / count != i % count) most = std::max(most, classes.confusion[i]);
  std::string text =
      "<div class=\"scroll\"><table class=\"confusion\">\n<caption>Rows are what it "
      "is, columns what it was taken for";
  text +=
      concat(run.name.empty() ? "" : ": ", escape(run.name), ".</caption>\n<thead><tr><th></th>");
  for (const auto& name : classes.names)
    text += concat("<th scope=\"col\">", escape(name), "</th>");
  text += "<th scope=\"col\">wrong</th></tr></thead>\n<tbody>\n";
  for (std::size_t row = 0; row < count; ++row) {
    text += concat("<tr><th scope=\"row\">", escape(classes.names[row]), "</th>");
    double all = 0;
    for (std::size_t column = 0; column < count; ++column) {
      const double n = classes.confusion[row * count + column];
      all += n;
      if (row == column) {
        text += concat("<td class=\"right\">", fixed(n, 0), "</td>");
      } else if (n == 0) {
        text += "<td></td>";
      } else {
        text += concat("<td class=\"wrong\" style=\"--share:", fixed(n / most, 3), "\">",
                       fixed(n, 0), "</td>");
      }
    }
    const double right = classes.confusion[row * count + row];
    text +=
        concat("<td>", all > 0 ? fixed(100 * (all - right) / all, 2) + " %" : "–", "</td></tr>\n");
  }
  return text + "</tbody></table></div>\n";
}

std::string gallery_section(std::span<const RunData> runs) {
  std::string text;
  for (const RunData& run : runs) {
    for (const GalleryItem& item : run.gallery) {
      text += concat(
          "<figure class=\"pictures\"><figcaption><b>", escape(item.title), "</b>",
          runs.size() > 1 ? concat(" <span class=\"unit\">", escape(run.name), "</span>") : "",
          "<br><span class=\"about\">", escape(item.caption), "</span></figcaption>\n");
      // The last one is shown; the slider brings the others.
      for (std::size_t i = 0; i < item.pictures.size(); ++i) {
        const auto& [label, uri] = item.pictures[i];
        text += concat("<img src=\"", uri, "\" alt=\"", escape(item.title + ", " + label), "\"",
                       i + 1 < item.pictures.size() ? " hidden" : "", " data-label=\"",
                       escape(label), "\">\n");
      }
      if (item.pictures.size() > 1) {
        text += concat(
            "<div class=\"transport\"><button type=\"button\" aria-label=\"play\">▶</button><input "
            "type=\"range\" min=\"0\" max=\"",
            item.pictures.size() - 1, "\" value=\"", item.pictures.size() - 1,
            "\" step=\"1\" aria-label=\"time in the training\"><output>",
            escape(item.pictures.back().first), "</output></div>\n");
      }
      text += "</figure>\n";
    }
    if (!run.is_navigator()) text += notes(run, runs.size() > 1 ? escape(run.name) + ": " : "");
  }
  if (text.empty()) return text;
  return concat("<section id=\"pictures\">\n<h2>What it learned to do</h2>\n", text,
                "</section>\n");
}

}  // namespace clew::report
