// SPDX-License-Identifier: Apache-2.0
// page.html, page.css and the scripts of this folder, embedded by CMake (ClewEmbed.cmake).
#pragma once

#include <string_view>

namespace clew::report {

extern const std::string_view kPageHtml, kPageCss, kPlotJs, kMapJs, kPageJs;

}  // namespace clew::report
