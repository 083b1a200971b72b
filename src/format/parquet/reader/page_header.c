#include "page_header.h"

#include "footer.h"

static int32_t size_field(rvi_pqr_thrift *t, rvi_pqr_field field)
{
    int32_t value = rvi_pqr_i32(t, field);
    if (value < 0)
        rvi_pqr_thrift_fail(t, "the page says %d where a size or a count stands", value);
    return value < 0 ? 0 : value;
}

static void parse_data(rvi_pqr_thrift *t, rvi_pqr_field field, rv_parquet_page *page)
{
    if (!rvi_pqr_is_struct(t, field))
        return;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        switch (f.id) {
        case 1:
            page->n_levels = size_field(t, f);
            break;
        case 2:
            page->encoding = rvi_pqr_i32(t, f);
            break;
        case 3:
            page->def_encoding = rvi_pqr_i32(t, f);
            break;
        case 4:
            page->rep_encoding = rvi_pqr_i32(t, f);
            break;
        case 5:
            rvi_pqr_statistics_parse(t, f, &page->statistics);
            break;
        default:
            rvi_pqr_skip(t, f);
        }
    }
    rvi_pqr_struct_end(t, outer);
}

static void parse_data_v2(rvi_pqr_thrift *t, rvi_pqr_field field, rv_parquet_page *page)
{
    if (!rvi_pqr_is_struct(t, field))
        return;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        switch (f.id) {
        case 1:
            page->n_levels = size_field(t, f);
            break;
        case 2:
            page->n_nulls = size_field(t, f);
            break;
        case 3:
            page->n_rows = size_field(t, f);
            break;
        case 4:
            page->encoding = rvi_pqr_i32(t, f);
            break;
        case 5:
            page->def_bytes = size_field(t, f);
            break;
        case 6:
            page->rep_bytes = size_field(t, f);
            break;
        case 7:
            page->is_compressed = rvi_pqr_bool(t, f);
            break;
        case 8:
            rvi_pqr_statistics_parse(t, f, &page->statistics);
            break;
        default:
            rvi_pqr_skip(t, f);
        }
    }
    rvi_pqr_struct_end(t, outer);
}

static void parse_dictionary(rvi_pqr_thrift *t, rvi_pqr_field field, rv_parquet_page *page)
{
    if (!rvi_pqr_is_struct(t, field))
        return;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        if (f.id == 1)
            page->n_levels = size_field(t, f);
        else if (f.id == 2)
            page->encoding = rvi_pqr_i32(t, f);
        else
            rvi_pqr_skip(t, f);
    }
    rvi_pqr_struct_end(t, outer);
}

/* The fields of PageHeader by page type: which one must be there. */
static int needed_header(int32_t type)
{
    switch (type) {
    case RV_PARQUET_DATA_PAGE:
        return 5;
    case RV_PARQUET_DICTIONARY_PAGE:
        return 7;
    case RV_PARQUET_DATA_PAGE_V2:
        return 8;
    default:
        return 0;
    }
}

static void parse_fields(rvi_pqr_thrift *t, rv_parquet_page *page)
{
    uint32_t seen = 0;
    int16_t outer = rvi_pqr_struct_begin(t);
    for (rvi_pqr_field f; rvi_pqr_field_next(t, &f);) {
        seen |= f.id > 0 && f.id < 32 ? (uint32_t)1 << f.id : 0;
        switch (f.id) {
        case 1:
            page->type = rvi_pqr_i32(t, f);
            break;
        case 2:
            page->raw_bytes = size_field(t, f);
            break;
        case 3:
            page->stored_bytes = size_field(t, f);
            break;
        case 4:
            page->crc = (uint32_t)rvi_pqr_i32(t, f);
            page->has_crc = true;
            break;
        case 5:
            parse_data(t, f, page);
            break;
        case 7:
            parse_dictionary(t, f, page);
            break;
        case 8:
            parse_data_v2(t, f, page);
            break;
        default:
            rvi_pqr_skip(t, f);
        }
    }
    rvi_pqr_struct_end(t, outer);
    uint32_t needs = 1u << 1 | 1u << 2 | 1u << 3, own = (uint32_t)needed_header(page->type);
    if (own != 0)
        needs |= 1u << own;
    if ((seen & needs) != needs)
        rvi_pqr_thrift_fail(t, "the page's header lacks a required field");
}

rv_code rvi_pqr_page_header_parse(const uint8_t *bytes, size_t len, uint64_t at, rv_parquet_page *out,
                                  bool *ran_out, rv_error *err)
{
    rvi_pqr_thrift t = rvi_pqr_thrift_begin(bytes, len, at, err);
    rv_parquet_page page = {.at = at,
                            .ordinal = -1,
                            .n_nulls = -1,
                            .n_rows = -1,
                            .is_compressed = true,
                            .def_encoding = RV_PARQUET_RLE,
                            .rep_encoding = RV_PARQUET_RLE,
                            .statistics = rvi_pqr_no_statistics()};
    parse_fields(&t, &page);
    *ran_out = t.rc != RV_OK && t.ran_out;
    RV_TRY(t.rc);
    page.header_bytes = (uint32_t)(t.at - t.begin);
    *out = page;
    return RV_OK;
}
