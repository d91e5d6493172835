// phantom: writes the sample radiograph, a chest that nobody has: drawn from formulas, the same
// bytes on every run. Usage: phantom OUT.dcm
//
// A value is the attenuation along the beam, drawn as bands and ellipses with soft edges: a torso
// of soft tissue, two lungs taken out of it, then heart, vessels, bones, a grain of noise. x runs
// from -1 at the patient's right to 1, y from 0 at the neck to 1. The file is a DICOM Digital X-Ray
// Image for presentation, 12 bits, MONOCHROME2, RLE.
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 576, HEIGHT = 640 };

#define BLUR 0.008 // half width of an edge

// 0 outside, 1 inside of a signed distance, with a soft edge.
static double inside(double distance)
{
    double t = (distance + BLUR) / (2 * BLUR);
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return t * t * (3 - 2 * t);
}

static double square(double v)
{
    return v * v;
}

// Distance of (x, y) into an ellipse, positive inside, near its border in the units of the picture.
static double ellipse(double x, double y, double cx, double cy, double rx, double ry)
{
    double r = sqrt(square((x - cx) / rx) + square((y - cy) / ry));
    return (1 - r) * (rx < ry ? rx : ry);
}

static double mix(double a, double b, double t)
{
    t = t < 0 ? 0 : t > 1 ? 1 : t;
    return a + (b - a) * t * t * (3 - 2 * t);
}

// Half width of the body at height y: neck, shoulders, chest, waist.
static double half_width(double y)
{
    if (y < 0.16)
        return mix(0.24, 1.15, (y - 0.02) / 0.14);
    if (y < 0.42)
        return mix(1.15, 0.86, (y - 0.2) / 0.22);
    return mix(0.86, 0.90, (y - 0.5) / 0.5);
}

static double torso(double x, double y)
{
    double r = x / half_width(y);
    return fabs(r) < 1 ? sqrt(1 - r * r) : 0;
}

// Upper border of the diaphragm: two domes, the right one higher, the edges deep.
static double diaphragm(double x)
{
    double top = x < 0 ? 0.745 : 0.775, centre = x < 0 ? -0.40 : 0.43;
    return top + 0.55 * square(x - centre) + (fabs(x) > 0.62 ? 2.2 * square(fabs(x) - 0.62) : 0);
}

// Air along the beam: 1 in the depth of a lung.
static double lung(double x, double y)
{
    double side = fabs(x), widen = mix(0.20, 0.335, (y - 0.12) / 0.45);
    double d = ellipse(side, y, 0.40, 0.50, widen, 0.39);
    double medial = side - (x < 0 ? 0.115 : 0.125), base = diaphragm(x) - y;
    double depth = d < 0 ? 0 : sqrt(1 - square(1 - (d / 0.2 < 1 ? d / 0.2 : 1)));
    return depth * inside(d) * inside(medial) * inside(base);
}

static double heart(double x, double y)
{
    double u = x - 0.09, v = y - 0.63, angle = 0.5;
    double a = u * cos(angle) + v * sin(angle), b = -u * sin(angle) + v * cos(angle);
    double body = inside(ellipse(a, b, 0, 0, 0.33, 0.165));
    double right_border = inside(ellipse(x, y, -0.06, 0.62, 0.135, 0.15));
    double knob = inside(ellipse(x, y, 0.13, 0.335, 0.062, 0.058));
    double root = inside(ellipse(x, y, 0.10, 0.47, 0.10, 0.14));
    double most = fmax(fmax(body, right_border), fmax(0.8 * knob, 0.6 * root));
    return most * inside(diaphragm(x) + 0.05 - y);
}

static double mediastinum(double x, double y)
{
    double wide = (0.15 - fabs(x - 0.01)) / 0.09, band = mix(0, 1, wide);
    double trachea = inside(0.028 - fabs(x - 0.004)) * inside(0.37 - y);
    return band - 0.55 * trachea;
}

static double spine(double x, double y)
{
    double bone = inside(0.062 - fabs(x)), disc = 0.5 + 0.5 * cos(2 * 3.14159265358979 * y / 0.062);
    return bone * (0.55 + 0.45 * disc) + 0.5 * inside(0.008 - fabs(fabs(x) - 0.066)) * disc;
}

// A bone's shadow: its rim is denser than its core.
static double bone(double distance, double radius)
{
    double body = inside(radius - distance), rim = inside(0.006 - fabs(distance - radius + 0.004));
    return 0.6 * body + 0.4 * rim;
}

static double ribs(double x, double y)
{
    double side = fabs(x), sum = 0;
    for (int k = 0; k < 9; k++) {
        double start = 0.135 + 0.066 * k, reach = fmin(0.42 + 0.055 * k, 0.80);
        double t = side / reach;
        if (t > 1.02)
            continue;
        // From the spine outwards and down, then around the side and back in front.
        double back = start - 0.035 * sin(3.14159265358979 * t) + 0.11 * t * t;
        double front = start + 0.23 - 0.17 * sqrt(fmax(0, 1 - square((t - 0.35) / 0.67)));
        if (side > 0.07)
            sum += bone(fabs(y - back), 0.0145);
        if (k < 7 && t > 0.38)
            sum += 0.6 * bone(fabs(y - front - 0.09 * t), 0.014);
    }
    return sum;
}

static double clavicles(double x, double y)
{
    double side = fabs(x);
    double middle = 0.205 - 0.13 * side + 0.03 * sin(7 * side);
    double collar = inside(side - 0.055) * inside(0.80 - side) * bone(fabs(y - middle), 0.017);
    double blade = 0.35 * bone(fabs(side - 0.80 + 0.35 * (y - 0.2)), 0.03) * inside(y - 0.16) *
                   inside(0.50 - y);
    return collar + blade;
}

// Vessels: branches from each hilum that thin out and fork.
static double vessels(double x, double y)
{
    double side = fabs(x), hilum = x < 0 ? 0.475 : 0.455, sum = 0;
    for (int k = 0; k < 11; k++) {
        double angle = -1.25 + 0.25 * k, dx = side - 0.13, dy = y - hilum;
        double along = dx * cos(angle) + dy * sin(angle) * 1.1;
        double across = -dx * sin(angle) + dy * cos(angle);
        double bend = 0.02 * sin(9 * along + k), width = 0.011 - 0.022 * along;
        if (along < 0 || width <= 0.001)
            continue;
        sum += inside(width - fabs(across - bend)) * 0.9;
        double fork = 0.12 + 0.01 * (k % 4);
        if (along > fork)
            sum += 0.6 * inside(width * 0.7 - fabs(across - bend - 0.45 * (along - fork)));
    }
    double root = fmax(0, 1 - sqrt(square((side - 0.15) / 0.07) + square((y - hilum) / 0.085)));
    return fmin(sum, 1.2) + 1.1 * root;
}

static double abdomen(double x, double y)
{
    double bubble = ellipse(x, y, 0.40, 0.875, 0.13, 0.045);
    return 0.10 * inside(y - diaphragm(x)) - 0.16 * inside(bubble);
}

// A lead letter L beside the patient's left shoulder.
static double marker(double x, double y)
{
    double stem = fmin(0.010 - fabs(x - 0.86), 0.030 - fabs(y - 0.075));
    double foot = fmin(0.032 - fabs(x - 0.882), 0.008 - fabs(y - 0.099));
    return inside(fmax(stem, foot));
}

static double attenuation(double x, double y)
{
    double air = lung(x, y), soft = torso(x, y);
    double a = 0.62 * soft + abdomen(x, y) * (soft > 0);
    a -= 0.40 * air * soft;
    a += 0.25 * heart(x, y) * (0.25 + 0.75 * air) + 0.08 * mediastinum(x, y) * soft;
    a += 0.05 * spine(x, y) * soft + 0.06 * vessels(x, y) * air;
    if (soft > 0)
        a += 0.05 * ribs(x, y) * inside(0.78 - y) + 0.075 * clavicles(x, y);
    return a;
}

// A fixed sequence of roughly normal numbers of unit variance.
static double noise(uint64_t *state)
{
    double sum = 0;
    for (int i = 0; i < 4; i++) {
        *state = *state * 6364136223846793005u + 1442695040888963407u;
        sum += (double)(*state >> 40) / (1 << 24) - 0.5;
    }
    return sum * 1.732;
}

static void draw(uint16_t *pixels)
{
    uint64_t state = 20240229;
    for (int j = 0; j < HEIGHT; j++)
        for (int i = 0; i < WIDTH; i++) {
            double x = (i + 0.5) / WIDTH * 2 - 1, y = (j + 0.5) / HEIGHT;
            double v = 260 + 3900 * attenuation(x, y) + 10 * noise(&state);
            v = fmax(v, marker(x, y) * 3600);
            pixels[j * WIDTH + i] = (uint16_t)fmin(fmax(v, 0), 4095);
        }
}

static void put_u16(FILE *out, unsigned v)
{
    (void)fputc((int)(v & 255), out);
    (void)fputc((int)(v >> 8 & 255), out);
}

static void put_u32(FILE *out, uint32_t v)
{
    put_u16(out, v & 0xffff);
    put_u16(out, v >> 16);
}

// One element in explicit little endian, padded to even length.
static void put(FILE *out, unsigned group, unsigned element, const char *vr, const void *value,
                size_t n)
{
    put_u16(out, group);
    put_u16(out, element);
    (void)fwrite(vr, 1, 2, out);
    if (strcmp(vr, "OB") == 0 || strcmp(vr, "SQ") == 0) {
        put_u16(out, 0);
        put_u32(out, (uint32_t)(n + n % 2));
    } else {
        put_u16(out, (unsigned)(n + n % 2));
    }
    (void)fwrite(value, 1, n, out);
    if (n % 2)
        (void)fputc(strcmp(vr, "UI") == 0 || strcmp(vr, "OB") == 0 ? 0 : ' ', out);
}

static void put_text(FILE *out, unsigned group, unsigned element, const char *vr, const char *text)
{
    put(out, group, element, vr, text, strlen(text));
}

static void put_us(FILE *out, unsigned group, unsigned element, unsigned v)
{
    unsigned char bytes[2] = {(unsigned char)v, (unsigned char)(v >> 8)};
    put(out, group, element, "US", bytes, 2);
}

// A sequence of one item with a coded concept.
static void put_code(FILE *out, unsigned group, unsigned element, const char *code,
                     const char *scheme, const char *meaning)
{
    const char *texts[3] = {code, scheme, meaning};
    unsigned elements[3] = {0x0100, 0x0102, 0x0104};
    size_t length = 0;
    for (int i = 0; i < 3; i++)
        length += 8 + strlen(texts[i]) + strlen(texts[i]) % 2;
    put_u16(out, group);
    put_u16(out, element);
    (void)fwrite("SQ\0\0", 1, 4, out);
    put_u32(out, (uint32_t)(length + 8));
    put_u16(out, 0xfffe);
    put_u16(out, 0xe000);
    put_u32(out, (uint32_t)length);
    for (int i = 0; i < 3; i++)
        put_text(out, 0x0008, elements[i], i == 2 ? "LO" : "SH", texts[i]);
}

#define SOP_CLASS "1.2.840.10008.5.1.4.1.1.1.1"
#define SOP_INSTANCE "2.25.178234561917301123581321345589144233377"
#define STUDY "2.25.178234561917301123581321345589144233378"
#define SERIES "2.25.178234561917301123581321345589144233379"
#define RLE "1.2.840.10008.1.2.5"

static void put_meta(FILE *out)
{
    static const char preamble[128];
    const char *texts[] = {SOP_CLASS, SOP_INSTANCE, RLE, "2.25.1", "BIOVL"};
    const unsigned elements[] = {0x0002, 0x0003, 0x0010, 0x0012, 0x0013};
    uint32_t length = 14; // of the version element
    for (int i = 0; i < 5; i++)
        length += (uint32_t)(8 + strlen(texts[i]) + strlen(texts[i]) % 2);
    (void)fwrite(preamble, 1, sizeof preamble, out);
    (void)fwrite("DICM", 1, 4, out);
    unsigned char bytes[4] = {(unsigned char)length, (unsigned char)(length >> 8), 0, 0};
    put(out, 2, 0, "UL", bytes, 4);
    put(out, 2, 1, "OB", "\0\1", 2);
    for (int i = 0; i < 5; i++)
        put_text(out, 2, elements[i], i == 4 ? "SH" : "UI", texts[i]);
}

static void put_study(FILE *out)
{
    put_text(out, 0x08, 0x0008, "CS", "DERIVED\\PRIMARY");
    put_text(out, 0x08, 0x0016, "UI", SOP_CLASS);
    put_text(out, 0x08, 0x0018, "UI", SOP_INSTANCE);
    put_text(out, 0x08, 0x0020, "DA", "");
    put_text(out, 0x08, 0x0023, "DA", "20240229");
    put_text(out, 0x08, 0x0030, "TM", "");
    put_text(out, 0x08, 0x0033, "TM", "120000");
    put_text(out, 0x08, 0x0050, "SH", "");
    put_text(out, 0x08, 0x0060, "CS", "DX");
    put_text(out, 0x08, 0x0068, "CS", "FOR PRESENTATION");
    put_text(out, 0x08, 0x0070, "LO", "biovl");
    put_text(out, 0x08, 0x0090, "PN", "");
    put_text(out, 0x08, 0x103e, "LO", "Drawn chest phantom, PA");
    put_code(out, 0x08, 0x2218, "51185008", "SCT", "Chest");
    put_text(out, 0x10, 0x0010, "PN", "Phantom^Chest");
    put_text(out, 0x10, 0x0020, "LO", "PHANTOM");
    put_text(out, 0x10, 0x0030, "DA", "");
    put_text(out, 0x10, 0x0040, "CS", "");
    put_text(out, 0x18, 0x0015, "CS", "CHEST");
    put_text(out, 0x18, 0x1164, "DS", "0.6\\0.6");
    put_text(out, 0x18, 0x1508, "CS", "NONE");
    put_text(out, 0x18, 0x5101, "CS", "PA");
    put_text(out, 0x18, 0x7004, "CS", "DIRECT");
    put_text(out, 0x20, 0x000d, "UI", STUDY);
    put_text(out, 0x20, 0x000e, "UI", SERIES);
    put_text(out, 0x20, 0x0010, "SH", "1");
    put_text(out, 0x20, 0x0011, "IS", "1");
    put_text(out, 0x20, 0x0013, "IS", "1");
    put_text(out, 0x20, 0x0020, "CS", "L\\F");
    put_text(out, 0x20, 0x0062, "CS", "U");
}

static void put_image(FILE *out)
{
    put_us(out, 0x28, 0x0002, 1);
    put_text(out, 0x28, 0x0004, "CS", "MONOCHROME2");
    put_us(out, 0x28, 0x0010, HEIGHT);
    put_us(out, 0x28, 0x0011, WIDTH);
    put_us(out, 0x28, 0x0100, 16);
    put_us(out, 0x28, 0x0101, 12);
    put_us(out, 0x28, 0x0102, 11);
    put_us(out, 0x28, 0x0103, 0);
    put_text(out, 0x28, 0x0301, "CS", "NO");
    put_text(out, 0x28, 0x1040, "CS", "LOG");
    put(out, 0x28, 0x1041, "SS", "\xff\xff", 2);
    put_text(out, 0x28, 0x1050, "DS", "1850");
    put_text(out, 0x28, 0x1051, "DS", "3500");
    put_text(out, 0x28, 0x1052, "DS", "0");
    put_text(out, 0x28, 0x1053, "DS", "1");
    put_text(out, 0x28, 0x1054, "LO", "US");
    put_text(out, 0x28, 0x2110, "CS", "00");
    put(out, 0x40, 0x0555, "SQ", "", 0);
    put_code(out, 0x54, 0x0220, "272479007", "SCT", "postero-anterior");
    put_text(out, 0x2050, 0x0020, "CS", "IDENTITY");
}

// PackBits, row by row, of one byte of each pixel. Returns the bytes written to out, which has
// room for 2 · n.
static size_t pack(const uint16_t *pixels, size_t n, unsigned shift, uint8_t *out)
{
    size_t size = 0;
    for (size_t row = 0; row < n; row += WIDTH)
        for (size_t i = row; i < row + WIDTH;) {
            uint8_t v = (uint8_t)(pixels[i] >> shift);
            size_t end = i + 1, limit = i + 128 < row + WIDTH ? i + 128 : row + WIDTH;
            while (end < limit && (uint8_t)(pixels[end] >> shift) == v)
                end++;
            if (end - i >= 2) {
                out[size++] = (uint8_t)(257 - (end - i));
                out[size++] = v;
                i = end;
                continue;
            }
            // A literal run ends where three equal bytes begin.
            for (end = i + 1; end < limit; end++) {
                uint8_t a = (uint8_t)(pixels[end] >> shift);
                if (end + 2 < limit && a == (uint8_t)(pixels[end + 1] >> shift) &&
                    a == (uint8_t)(pixels[end + 2] >> shift))
                    break;
            }
            out[size++] = (uint8_t)(end - i - 1);
            for (; i < end; i++)
                out[size++] = (uint8_t)(pixels[i] >> shift);
        }
    if (size % 2)
        out[size++] = 0;
    return size;
}

static int put_pixels(FILE *out, const uint16_t *pixels)
{
    size_t n = (size_t)WIDTH * HEIGHT;
    uint8_t *high = malloc(n * 2), *low = malloc(n * 2);
    if (!high || !low) {
        free(high);
        free(low);
        return -1;
    }
    size_t n_high = pack(pixels, n, 8, high), n_low = pack(pixels, n, 0, low);
    put_u16(out, 0x7fe0);
    put_u16(out, 0x0010);
    (void)fwrite("OB\0\0", 1, 4, out);
    put_u32(out, UINT32_MAX);
    put_u16(out, 0xfffe); // an offset table with the one frame
    put_u16(out, 0xe000);
    put_u32(out, 4);
    put_u32(out, 0);
    put_u16(out, 0xfffe);
    put_u16(out, 0xe000);
    put_u32(out, (uint32_t)(64 + n_high + n_low));
    put_u32(out, 2);
    put_u32(out, 64);
    put_u32(out, (uint32_t)(64 + n_high));
    for (int i = 3; i < 16; i++)
        put_u32(out, 0);
    (void)fwrite(high, 1, n_high, out);
    (void)fwrite(low, 1, n_low, out);
    put_u16(out, 0xfffe);
    put_u16(out, 0xe0dd);
    put_u32(out, 0);
    free(high);
    free(low);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: phantom OUT.dcm\n");
        return 2;
    }
    uint16_t *pixels = malloc(sizeof *pixels * WIDTH * HEIGHT);
    FILE *out = pixels ? fopen(argv[1], "wb") : NULL;
    if (!out) {
        perror(argv[1]);
        free(pixels);
        return 1;
    }
    draw(pixels);
    put_meta(out);
    put_study(out);
    put_image(out);
    int failed = put_pixels(out, pixels);
    failed |= ferror(out);
    failed |= fclose(out) != 0;
    free(pixels);
    if (failed)
        (void)fprintf(stderr, "%s: cannot write\n", argv[1]);
    return failed ? 1 : 0;
}
